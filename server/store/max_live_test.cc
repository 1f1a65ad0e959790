// How many certificates of an identity may live at a label.
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

class MaxLiveTest : public StoreFixture {};

TEST_P(MaxLiveTest, AnIdentityHasSoManyLiveCertificatesAndNoMore) {
  const int64_t id = MakeIdentity("a");
  const auto issue = [&](const std::string& serial, const std::string& key,
                         const std::string& replaces = "") {
    Issuance issuance = MakeIssuance(id, serial, key);
    issuance.max_live = 2;
    issuance.replaces_serial = ToBytes(AsBytes(replaces));
    return Issue(std::move(issuance)).status();
  };
  EXPECT_TRUE(issue("s1", "k1").ok());
  EXPECT_TRUE(issue("s2", "k2").ok());
  EXPECT_TRUE(absl::IsOutOfRange(issue("s3", "k3")));
  EXPECT_EQ(CertificateCount(), 2u);
  // A renewal takes the place of what it renews, and a second one, whose reply
  // was lost, that of the first.
  EXPECT_TRUE(issue("s4", "k4", "s1").ok());
  EXPECT_TRUE(issue("s5", "k5", "s1").ok());
  EXPECT_TRUE(absl::IsOutOfRange(issue("s6", "k6")));
  // An enrollment whose reply was lost comes again with its key.
  EXPECT_TRUE(issue("s7", "k2").ok());
  // Elsewhere, and of others, there is room.
  Issuance elsewhere = MakeIssuance(id, "s8", "k8");
  elsewhere.max_live = 2;
  elsewhere.record.label = "plant";
  EXPECT_TRUE(Issue(std::move(elsewhere)).ok());
  Issuance other = MakeIssuance(MakeIdentity("b"), "s9", "k9");
  other.max_live = 1;
  EXPECT_TRUE(Issue(std::move(other)).ok());
  // What is over counts no more.
  Issuance later = MakeIssuance(id, "s10", "k10");
  later.max_live = 1;
  later.record.issued_at = Start() + absl::Hours(2);
  EXPECT_TRUE(Issue(std::move(later)).ok());
}

INSTANTIATE_ON_BOTH_ENGINES(MaxLiveTest);

}  // namespace
}  // namespace bestow::server
