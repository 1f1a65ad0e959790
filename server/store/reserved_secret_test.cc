// One-time secrets of requests that another CA is asked for: one key each,
// from before it is asked.
#include <future>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

using State = PendingRequest::State;

class ReservedSecretTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    id_ = MakeIdentity("gw-17");
    secret_ = MakeSecret("gw-17", "secret").id;
  }

  PendingRequest Request(const std::string& key) {
    PendingRequest request;
    request.identity_id = id_;
    request.identity = "gw-17";
    request.key_sha256 = ToBytes(AsBytes(key));
    request.subject_der = {0x30, 0x00};
    request.operation = "simpleenroll";
    request.created_at = now_;
    request.expires_at = now_ + absl::Hours(24 * 7);
    request.state = State::kApproved;
    request.secret_id = secret_;
    request.reserves_secret = true;
    return request;
  }

  absl::StatusOr<PendingRequest> Ask(PendingRequest request,
                                     size_t max_waiting = 100) {
    std::promise<absl::StatusOr<PendingRequest>> promise;
    store_->FindOrAddPending(std::move(request), max_waiting,
                             [&](absl::StatusOr<PendingRequest> result) {
                               promise.set_value(std::move(result));
                             });
    return promise.get_future().get();
  }

  Issuance IssuanceFor(const PendingRequest& request,
                       const std::string& serial) {
    Issuance issuance = MakeIssuance(id_, serial, "");
    issuance.record.key_sha256 = request.key_sha256;
    issuance.record.issued_at = now_;
    issuance.pending_id = request.id;
    issuance.secret_id = secret_;
    return issuance;
  }

  absl::Time now_ = Start();
  int64_t id_ = 0;
  int64_t secret_ = 0;
};

TEST_P(ReservedSecretTest, ServesNoOtherKeyFromThenOn) {
  auto first = Ask(Request("k1"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->state, State::kApproved);
  Reopen({});  // it is on the disk
  EXPECT_TRUE(absl::IsPermissionDenied(Ask(Request("k2")).status()));
  auto again = Ask(Request("k1"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->id, first->id);

  auto other = Ask(Request("k2"));
  EXPECT_TRUE(absl::IsPermissionDenied(other.status()));
  EXPECT_TRUE(absl::StrContains(other.status().message(), "another key"));
  // Nor where nothing is reserved.
  Issuance direct = MakeIssuance(id_, "s2", "k2");
  direct.secret_id = secret_;
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(direct).status()));

  auto issued = Issue(IssuanceFor(*first, "s1"));
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_FALSE(issued->repeated);
  EXPECT_EQ(Ask(Request("k1"))->state, State::kIssued);
  // The upstream answered twice: the first certificate stays the one.
  auto twice = Issue(IssuanceFor(*first, "s3"));
  ASSERT_TRUE(twice.ok()) << twice.status();
  EXPECT_TRUE(twice->repeated);
  EXPECT_EQ(twice->certificate, issued->certificate);
  EXPECT_EQ(CertificateCount(), 1u);
}

TEST_P(ReservedSecretTest, MayExpireWhileTheOtherCaIsWaitedFor) {
  auto asked = Ask(Request("k1"));
  ASSERT_TRUE(asked.ok()) << asked.status();
  now_ += absl::Hours(5);
  EXPECT_TRUE(Ask(Request("k1")).ok());
  EXPECT_TRUE(Issue(IssuanceFor(*asked, "s1")).ok());
}

TEST_P(ReservedSecretTest, ExpiredUnusedReservesNothing) {
  now_ += absl::Hours(1);
  EXPECT_TRUE(absl::IsPermissionDenied(Ask(Request("k1")).status()));
  now_ -= absl::Hours(1);
  EXPECT_TRUE(Ask(Request("k2")).ok());
}

TEST_P(ReservedSecretTest, GivesNoSecondCertificateWhenItsTimeToRepeatIsOver) {
  auto asked = Ask(Request("k1"));
  ASSERT_TRUE(asked.ok()) << asked.status();
  ASSERT_TRUE(Issue(IssuanceFor(*asked, "s1")).ok());
  now_ += kWindow;
  auto late = Ask(Request("k1"));
  EXPECT_TRUE(absl::IsPermissionDenied(late.status())) << late.status();
}

TEST_P(ReservedSecretTest, IsReservedWhenTheOperatorHasSaidYes) {
  PendingRequest waiting = Request("k1");
  waiting.state = State::kWaiting;
  waiting.reserves_secret = false;
  auto asked = Ask(waiting);
  ASSERT_TRUE(asked.ok()) << asked.status();
  // Until then another key may ask too, as where this CA signs itself.
  PendingRequest other = waiting;
  other.key_sha256 = ToBytes(AsBytes("k2"));
  EXPECT_TRUE(Ask(other).ok());
  EXPECT_TRUE(Ask(Request("k1")).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Ask(Request("k2")).status()));
}

TEST_P(ReservedSecretTest, AreCountedByTheirState) {
  ASSERT_TRUE(Ask(Request("k1"), 1).ok());
  PendingRequest second = Request("k2");
  second.secret_id.reset();
  EXPECT_TRUE(absl::IsResourceExhausted(Ask(second, 1).status()));
  second.state = State::kWaiting;
  EXPECT_TRUE(Ask(second, 1).ok());
}

INSTANTIATE_ON_BOTH_ENGINES(ReservedSecretTest);

}  // namespace
}  // namespace bestow::server
