#include "server/tls_renewal/tls_plan.h"

#include <memory>

#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "server/ca/certificate_authority.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kDay = absl::Hours(24);
const absl::Duration kYear = 365 * kDay;

class TlsPlanTest : public testing::Test {
 protected:
  TlsPlanTest() {
    config_.validity = 90 * kDay;
    config_.fraction = 0.5;
    cas_.emplace("ca", *MakeCaBundle({Root(*key_, 10 * kYear)}, {}, key_));
    present_ = Leaf(cas_.at("ca"), 90 * kDay);
  }
  static Certificate Root(Signer& key, absl::Duration validity) {
    return *CreateRootCertificate("Fleet CA", key, kNow, validity);
  }
  Certificate Leaf(const CaBundle& ca, absl::Duration validity) {
    absl::StatusOr<Certificate> leaf = absl::UnknownError("not called");
    ca.authority->Issue(
        *TlsServerContents({"est.example", "192.0.2.1"}, validity),
        tls_key_->public_key_spki(), kNow,
        [&](absl::StatusOr<Certificate> issued) { leaf = std::move(issued); });
    EXPECT_TRUE(leaf.ok()) << leaf.status();
    return *leaf;
  }
  TlsPlan Plan(absl::Time now = kNow) {
    return PlanTlsRenewal(present_, cas_, config_, hostnames_, now);
  }

  const std::shared_ptr<SoftwareSigner> key_ = *SoftwareSigner::Generate();
  const std::shared_ptr<SoftwareSigner> tls_key_ = *SoftwareSigner::Generate();
  TlsConfig config_;
  CaBundles cas_;
  Certificate present_;
  std::vector<std::string> hostnames_;
};

TEST_F(TlsPlanTest, IsDueAtTheFractionOfTheLifetime) {
  EXPECT_EQ(Plan().ca, &cas_.at("ca"));
  EXPECT_EQ(Plan().due, kNow + 45 * kDay);
  config_.fraction = 0.9;
  EXPECT_EQ(Plan().due, kNow + 81 * kDay);
  // One that was made to last longer than they do now.
  present_ = Leaf(cas_.at("ca"), 5 * kYear);
  EXPECT_EQ(Plan().due, kNow + 5 * kYear - 9 * kDay);
  // And one that lasts seconds, though it is valid since yesterday.
  config_.validity = absl::Seconds(20);
  present_ = Leaf(cas_.at("ca"), config_.validity);
  EXPECT_EQ(Plan().due, kNow + absl::Seconds(18));
}

TEST_F(TlsPlanTest, LeavesWhatIsNotItsOwnAlone) {
  config_.renew = false;
  EXPECT_EQ(Plan().ca, nullptr);
  EXPECT_EQ(Plan().due, absl::InfiniteFuture());
  config_.renew = true;
  EXPECT_NE(Plan().ca, nullptr);
  const std::shared_ptr<SoftwareSigner> key = *SoftwareSigner::Generate();
  present_ = Leaf(*MakeCaBundle({Root(*key, 10 * kYear)}, {}, key), 90 * kDay);
  EXPECT_EQ(Plan().ca, nullptr);
  EXPECT_EQ(Plan(kNow + kYear).due, absl::InfiniteFuture());
}

TEST_F(TlsPlanTest, IsDueWhenItsCaHasANewKey) {
  const std::shared_ptr<SoftwareSigner> key = *SoftwareSigner::Generate();
  CaBundle after = *MakeCaBundle({Root(*key, 10 * kYear)}, {}, key);
  ASSERT_TRUE(AddFormer(cas_.at("ca"), after).ok());
  cas_.insert_or_assign("ca", after);
  EXPECT_EQ(Plan().due, kNow);
  EXPECT_EQ(Plan().ca, &cas_.at("ca"));
  present_ = Leaf(after, 90 * kDay);
  EXPECT_EQ(Plan().due, kNow + 45 * kDay);
}

TEST_F(TlsPlanTest, IsDueWhenItsNamesChange) {
  hostnames_ = {"192.0.2.1", "est.example"};
  EXPECT_EQ(Plan().due, kNow + 45 * kDay);
  for (const std::vector<std::string>& others :
       {std::vector<std::string>{"est.example"},
        {"est.example", "192.0.2.1", "b.example"},
        {"b.example"}}) {
    hostnames_ = others;
    EXPECT_EQ(Plan().due, kNow) << others[0];
  }
  // What no certificate can have costs nothing.
  hostnames_ = {"not a host"};
  EXPECT_EQ(Plan().due, kNow + 45 * kDay);
}

TEST_F(TlsPlanTest, IsDueWhenTheClockWasSetBack) {
  EXPECT_EQ(Plan(kNow - kYear).due, kNow - kYear);
}

// Nothing would be gained: no storm of renewals at the CA's end.
TEST_F(TlsPlanTest, NeverWhenItsCaEndsWithIt) {
  cas_.insert_or_assign("ca", *MakeCaBundle({Root(*key_, kDay)}, {}, key_));
  present_ = Leaf(cas_.at("ca"), 90 * kDay);
  EXPECT_EQ(Plan().due, absl::InfiniteFuture());
}

TEST_F(TlsPlanTest, TheContentsAreAServers) {
  auto kept = TlsRenewalContents(present_, {}, kDay);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->sans, present_.sans);
  EXPECT_EQ(kept->subject, present_.subject);
  EXPECT_EQ(kept->validity, kDay);
  EXPECT_EQ(kept->extended_key_usage,
            (std::vector<der::Oid>{oids::KpServerAuth(), oids::KpCmcRa()}));
  auto named = TlsRenewalContents(present_, {"b.example"}, kDay);
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->sans,
            std::vector<GeneralName>{*GeneralName::Dns("b.example")});
  EXPECT_EQ(TlsRenewalContents(present_, {"not a host"}, kDay)->sans,
            present_.sans);
}

}  // namespace
}  // namespace bestow::server
