// How many certificates of an identity may live at a label.
#include <future>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

class MaxLiveTest : public StoreFixture {
 protected:
  absl::Status Check(Issuance issuance) {
    std::promise<absl::Status> promise;
    store_->CheckIssuable(std::move(issuance), [&](absl::Status status) {
      promise.set_value(std::move(status));
    });
    return promise.get_future().get();
  }
};

TEST_P(MaxLiveTest, AnIdentityHasSoManyLiveCertificatesAndNoMore) {
  const int64_t id = MakeIdentity("a");
  const auto issue = [&](const std::string& serial, const std::string& key,
                         const std::string& replaces = "") {
    Issuance issuance = MakeIssuance(id, serial, key);
    issuance.max_live = 2;
    issuance.replaces_serial = ToBytes(AsBytes(replaces));
    // Asked before, the same is said, and nothing is written.
    const size_t before = CertificateCount();
    const absl::Status checked = Check(issuance);
    EXPECT_EQ(CertificateCount(), before);
    const absl::Status status = Issue(std::move(issuance)).status();
    EXPECT_EQ(checked, status);
    return status;
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

TEST_P(MaxLiveTest, ACheckWritesNothing) {
  // Not even the identity that would register itself.
  Issuance issuance = MakeIssuance(0, "s1", "k1");
  issuance.record.identity = "new";
  EXPECT_TRUE(Check(issuance).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->FindIdentity("new").status()));
  const int64_t id = MakeIdentity("a");
  issuance = MakeIssuance(id, "s1", "k1");
  ASSERT_TRUE(Issue(issuance).ok());
  // The serial number is the issuance's alone; of a renewal nothing is marked.
  issuance.replaces_serial = ToBytes(AsBytes("s1"));
  EXPECT_TRUE(Check(issuance).ok());
  issuance.replaces_serial = ToBytes(AsBytes("s2"));
  EXPECT_TRUE(absl::IsNotFound(Check(issuance)));
  RevokeOrder revoke;
  revoke.serial = ToBytes(AsBytes("s1"));
  revoke.revocation.at = Start();
  revoke.revocation.reason = RevocationReason::kKeyCompromise;
  ASSERT_TRUE(store_->Revoke(revoke).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Check(MakeIssuance(id, "s3", "k1"))));
  EXPECT_TRUE(Check(MakeIssuance(id, "s3", "k2")).ok());
}

INSTANTIATE_ON_BOTH_ENGINES(MaxLiveTest);

}  // namespace
}  // namespace bestow::server
