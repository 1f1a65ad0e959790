#include "common/est/renewal_info.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/est/service_fixture.h"

namespace bestow::server {
namespace {

class RenewalInfoTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    issued_ =
        IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword)));
    id_ = est::RenewalInfoId(issued_.authority_key_id, issued_.serial);
  }
  HttpResponse Ask(const std::string& id, const std::string& label = "") {
    return Get(absl::StrCat("/.well-known/est/", label, "renewal-info/", id));
  }
  est::RenewalInfo Read(const HttpResponse& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(HeaderOf(response, "Content-Type"), "application/json");
    auto info = est::ParseRenewalInfoJson(response.body);
    EXPECT_TRUE(info.ok()) << info.status();
    return info.value_or(est::RenewalInfo{});
  }
  void Order(absl::Time issued_before, absl::Time start,
             std::optional<std::string> label = {}) {
    RenewalOrder order;
    order.label = std::move(label);
    order.issued_before = issued_before;
    order.window_start = start;
    order.window_end = start + absl::Hours(24);
    order.created_at = clock_.Now();
    ASSERT_TRUE(store_->AddRenewalOrder(order).ok());
  }

  Certificate issued_;
  std::string id_;
};

TEST_F(RenewalInfoTest, SuggestsTheLastThirdAndSaysWhenToAskAgain) {
  const HttpResponse response = Ask(id_);
  const est::RenewalInfo info = Read(response);
  const absl::Duration life = issued_.not_after - issued_.not_before;
  EXPECT_EQ(info.start, absl::FromUnixSeconds(
                            absl::ToUnixSeconds(issued_.not_after - life / 3)));
  EXPECT_GT(info.end, info.start);
  EXPECT_LT(info.end, issued_.not_after);
  EXPECT_EQ(HeaderOf(response, "Retry-After"), "21600");
  // Nobody was asked who they are.
  EXPECT_FALSE(absl::StrContains(log_.back(), "identity="));
}

TEST_F(RenewalInfoTest, GivesTheOperatorsOrderToThoseThatItMeans) {
  const absl::Time start = clock_.Now() + absl::Hours(1);
  Order(clock_.Now() - absl::Hours(1), clock_.Now() + absl::Hours(9));
  EXPECT_GT(Read(Ask(id_)).start, start + absl::Hours(24));
  Order(clock_.Now() + absl::Seconds(1), start, "plant");
  EXPECT_GT(Read(Ask(id_)).start, start + absl::Hours(24));
  Order(clock_.Now() + absl::Seconds(1), start);
  const est::RenewalInfo info = Read(Ask(id_));
  EXPECT_EQ(info.start, start);
  EXPECT_EQ(info.end, start + absl::Hours(24));
  EXPECT_TRUE(absl::StrContains(log_.back(), "renewal order")) << log_.back();
}

TEST_F(RenewalInfoTest, TellsNothingOfCertificatesThatAreNotTheLabels) {
  Config config;
  ServiceConfig plant;
  plant.label = "plant";
  config.labels = {plant};
  config.service.renewal_info.explanation_url = "https://example.com/why";
  Configure(config);
  EXPECT_EQ(Read(Ask(id_)).explanation_url, "https://example.com/why");
  Bytes other_serial = issued_.serial;
  other_serial.back() ^= 1;
  Bytes other_key = issued_.authority_key_id;
  other_key.back() ^= 1;
  for (const std::string& id :
       {est::RenewalInfoId(issued_.authority_key_id, other_serial),
        est::RenewalInfoId(other_key, issued_.serial), std::string("x"),
        absl::StrCat(id_, "A")}) {
    const HttpResponse response = Ask(id);
    EXPECT_EQ(response.status, 404) << id;
    EXPECT_TRUE(absl::StrContains(log_.back(), "problem=unknown-certificate"))
        << log_.back();
  }
  EXPECT_EQ(Ask(id_, "plant/").status, 404);
  EXPECT_EQ(Get("/.well-known/est/renewal-info").status, 404);
  const HttpResponse post =
      Send({.method = "POST",
            .target = absl::StrCat("/.well-known/est/renewal-info/", id_)},
           Anonymous());
  EXPECT_EQ(post.status, 405);
  EXPECT_EQ(HeaderOf(post, "Allow"), "GET, HEAD");
}

}  // namespace
}  // namespace bestow::server
