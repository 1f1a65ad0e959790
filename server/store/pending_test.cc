// Requests that wait for the operator, and the operator's orders to renew.
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

using State = PendingRequest::State;

class PendingTest : public StoreFixture {
 protected:
  static constexpr absl::Duration kWait = absl::Hours(24 * 7);
  static constexpr size_t kMany = 100;

  void SetUp() override {
    StoreFixture::SetUp();
    id_ = MakeIdentity("gw-17");
  }

  PendingRequest Request(const std::string& key,
                         const std::string& label = "") {
    PendingRequest request;
    request.label = label;
    request.identity_id = id_;
    request.identity = "gw-17";
    request.key_sha256 = ToBytes(AsBytes(key));
    request.subject_der = {0x30, 0x00};
    request.operation = "simpleenroll";
    request.subject = "CN=wish";
    request.csr = {1, 2, 3};
    request.created_at = now_;
    request.expires_at = now_ + kWait;
    return request;
  }

  absl::StatusOr<PendingRequest> Ask(PendingRequest request,
                                     size_t max_waiting = kMany) {
    std::promise<absl::StatusOr<PendingRequest>> promise;
    store_->FindOrAddPending(std::move(request), max_waiting,
                             [&](absl::StatusOr<PendingRequest> result) {
                               promise.set_value(std::move(result));
                             });
    return promise.get_future().get();
  }

  Issuance IssuanceFor(const PendingRequest& request,
                       const std::string& serial) {
    Issuance issuance = MakeIssuance(request.identity_id, serial, "");
    issuance.record.label = request.label;
    issuance.record.key_sha256 = request.key_sha256;
    issuance.record.issued_at = now_;
    issuance.pending_id = request.id;
    return issuance;
  }

  std::vector<PendingRequest> List() {
    std::vector<PendingRequest> all;
    EXPECT_TRUE(store_
                    ->ForEachPending(now_,
                                     [&](const PendingRequest& request) {
                                       all.push_back(request);
                                     })
                    .ok());
    return all;
  }

  absl::Time now_ = Start();
  int64_t id_ = 0;
};

TEST_P(PendingTest, KeepsARequestUntilTheOperatorDecides) {
  auto added = Ask(Request("k1"));
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->state, State::kWaiting);
  EXPECT_EQ(added->decided_at, absl::InfinitePast());
  Reopen({});
  now_ += absl::Hours(1);
  auto again = Ask(Request("k1"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->id, added->id);
  EXPECT_EQ(again->created_at, Start());
  ASSERT_EQ(List().size(), 1u);
  const PendingRequest listed = List()[0];
  EXPECT_EQ(listed.identity, "gw-17");
  EXPECT_EQ(listed.subject, "CN=wish");
  EXPECT_EQ(listed.operation, "simpleenroll");
  EXPECT_EQ(listed.csr, (Bytes{1, 2, 3}));
  EXPECT_EQ(listed.expires_at, Start() + kWait);

  auto approved = store_->DecidePending(added->id, true, "", now_);
  ASSERT_TRUE(approved.ok()) << approved.status();
  EXPECT_EQ(approved->state, State::kApproved);
  EXPECT_EQ(Ask(Request("k1"))->state, State::kApproved);
}

// A linked CSR differs in every session; these five are what stays.
TEST_P(PendingTest, MatchesByLabelIdentityOperationKeyAndSubject) {
  const int64_t first = Ask(Request("k1"))->id;
  PendingRequest same = Request("k1");
  same.csr = {9, 9};
  same.subject = "for people only";
  EXPECT_EQ(Ask(same)->id, first);

  PendingRequest other = Request("k1", "plant");
  EXPECT_NE(Ask(other)->id, first);
  other = Request("k2");
  EXPECT_NE(Ask(other)->id, first);
  other = Request("k1");
  other.subject_der = {0x30, 0x01};
  EXPECT_NE(Ask(other)->id, first);
  other = Request("k1");
  other.identity_id = MakeIdentity("gw-18");
  EXPECT_NE(Ask(other)->id, first);
  other = Request("k1");
  other.operation = "serverkeygen";
  EXPECT_NE(Ask(other)->id, first);
  EXPECT_EQ(List().size(), 6u);
}

TEST_P(PendingTest, IssuesAnApprovedRequestOnce) {
  const PendingRequest request = *Ask(Request("k1"));
  EXPECT_TRUE(absl::IsAborted(Issue(IssuanceFor(request, "s0")).status()));
  ASSERT_TRUE(store_->DecidePending(request.id, true, "", now_).ok());
  auto issued = Issue(IssuanceFor(request, "s1"));
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_FALSE(issued->repeated);
  EXPECT_EQ(Ask(Request("k1"))->state, State::kIssued);
  // The reply was lost: the same key, the same certificate.
  now_ += kWindow - absl::Seconds(1);
  auto repeated = Issue(IssuanceFor(request, "s2"));
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_TRUE(repeated->repeated);
  EXPECT_EQ(repeated->certificate, issued->certificate);
  EXPECT_EQ(CertificateCount(), 1u);
  // Too late: it is as if it had never been asked.
  now_ += absl::Seconds(1);
  EXPECT_TRUE(absl::IsAborted(Issue(IssuanceFor(request, "s3")).status()));
  EXPECT_EQ(Ask(Request("k1"))->state, State::kWaiting);
}

TEST_P(PendingTest, AnApprovalIsGoodForItsOwnRequestAlone) {
  const PendingRequest request = *Ask(Request("k1"));
  ASSERT_TRUE(store_->DecidePending(request.id, true, "", now_).ok());
  Issuance wrong = IssuanceFor(request, "s1");
  wrong.record.key_sha256 = {1};
  EXPECT_TRUE(absl::IsAborted(Issue(wrong).status()));
  wrong = IssuanceFor(request, "s1");
  wrong.record.label = "plant";
  EXPECT_TRUE(absl::IsAborted(Issue(wrong).status()));
  wrong = IssuanceFor(request, "s1");
  wrong.record.identity_id = MakeIdentity("gw-18");
  EXPECT_TRUE(absl::IsAborted(Issue(wrong).status()));
  wrong = IssuanceFor(request, "s1");
  wrong.pending_id = request.id + 1;
  EXPECT_TRUE(absl::IsAborted(Issue(wrong).status()));
  // The operator saw the client's own key.
  wrong = IssuanceFor(request, "s1");
  wrong.record.operation = "serverkeygen";
  wrong.record.server_key = true;
  wrong.record.key_sha256 = {1};
  EXPECT_TRUE(absl::IsAborted(Issue(wrong).status()));
  EXPECT_EQ(CertificateCount(), 0u);
  EXPECT_TRUE(Issue(IssuanceFor(request, "s1")).ok());
}

// The key is made anew each time, and not kept: nothing can be repeated.
TEST_P(PendingTest, AServerMadeKeyIsIssuedButOnce) {
  const PendingRequest request = *Ask(Request("csr key"));
  ASSERT_TRUE(store_->DecidePending(request.id, true, "", now_).ok());
  Issuance issuance = IssuanceFor(request, "s1");
  issuance.record.server_key = true;
  issuance.record.key_sha256 = {1};
  ASSERT_TRUE(Issue(issuance).ok());
  issuance.record.serial = {2};
  issuance.record.key_sha256 = {2};
  EXPECT_TRUE(absl::IsAborted(Issue(issuance).status()));
  // Nor by one that was signed before and comes to the disk after it.
  issuance.record.issued_at = now_ - absl::Milliseconds(1);
  EXPECT_TRUE(absl::IsAborted(Issue(issuance).status()));
  EXPECT_EQ(Ask(Request("csr key"))->state, State::kWaiting);
}

TEST_P(PendingTest, TellsWhyARequestWasRefused) {
  const PendingRequest request = *Ask(Request("k1"));
  ASSERT_TRUE(
      store_->DecidePending(request.id, false, "unknown site", now_).ok());
  auto refused = Ask(Request("k1"));
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->state, State::kRefused);
  EXPECT_EQ(refused->reason, "unknown site");
  EXPECT_EQ(refused->decided_at, now_);
  EXPECT_TRUE(absl::IsAborted(Issue(IssuanceFor(request, "s1")).status()));
  // The operator may think again, either way.
  ASSERT_TRUE(store_->DecidePending(request.id, true, "", now_).ok());
  EXPECT_EQ(Ask(Request("k1"))->reason, "");
  ASSERT_TRUE(store_->DecidePending(request.id, false, "no", now_).ok());
  ASSERT_TRUE(store_->DecidePending(request.id, true, "", now_).ok());
  ASSERT_TRUE(Issue(IssuanceFor(request, "s1")).ok());
  EXPECT_EQ(store_->DecidePending(request.id, false, "", now_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_P(PendingTest, ForgetsWhatExpires) {
  const PendingRequest request = *Ask(Request("k1"));
  now_ += kWait;
  EXPECT_TRUE(List().empty());
  EXPECT_TRUE(absl::IsNotFound(
      store_->DecidePending(request.id, true, "", now_).status()));
  auto fresh = Ask(Request("k1"));
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_EQ(fresh->created_at, now_);
  EXPECT_TRUE(absl::IsNotFound(
      store_->DecidePending(request.id + 100, true, "", now_).status()));
}

// Decided at the last moment, there is time to come back.
TEST_P(PendingTest, ADecisionIsGoodForAsLongAsTheWait) {
  const PendingRequest request = *Ask(Request("k1"));
  now_ += kWait - absl::Seconds(1);
  auto approved = store_->DecidePending(request.id, true, "", now_);
  ASSERT_TRUE(approved.ok());
  EXPECT_EQ(approved->expires_at, now_ + kWait);
  // A second word does not make it longer and longer.
  approved = store_->DecidePending(request.id, true, "", now_);
  ASSERT_TRUE(approved.ok());
  EXPECT_EQ(approved->expires_at, now_ + kWait);
  now_ += kWait;
  EXPECT_TRUE(absl::IsAborted(Issue(IssuanceFor(request, "s1")).status()));
}

TEST_P(PendingTest, LetsOnlySoManyWaitForEachLabel) {
  ASSERT_TRUE(Ask(Request("k1"), 2).ok());
  const PendingRequest second = *Ask(Request("k2"), 2);
  EXPECT_TRUE(absl::IsResourceExhausted(Ask(Request("k3"), 2).status()));
  EXPECT_TRUE(Ask(Request("k3", "plant"), 2).ok());
  // Who waits already may ask; a decided one leaves its place to another.
  EXPECT_TRUE(Ask(Request("k1"), 2).ok());
  ASSERT_TRUE(store_->DecidePending(second.id, true, "", now_).ok());
  EXPECT_TRUE(Ask(Request("k3"), 2).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Ask(Request("k4"), 2).status()));
}

// One identity does not take every place.
TEST_P(PendingTest, LetsOnlySoManyWaitOfEachIdentity) {
  for (size_t i = 0; i < Store::kMaxWaitingOfIdentity; ++i) {
    ASSERT_TRUE(Ask(Request(absl::StrCat("k", i))).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(Ask(Request("more")).status()));
  EXPECT_TRUE(Ask(Request("k0")).ok());
  EXPECT_TRUE(Ask(Request("more", "plant")).ok());
  PendingRequest other = Request("more");
  other.identity_id = MakeIdentity("gw-18");
  EXPECT_TRUE(Ask(other).ok());
}

// The secret has to be good when it is shown, however long the operator takes.
TEST_P(PendingTest, AOneTimeSecretMayExpireWhileItsRequestWaits) {
  const SecretRecord secret = MakeSecret("gw-17", "secret");  // for an hour
  PendingRequest asked = Request("k1");
  asked.secret_id = secret.id;
  const PendingRequest request = *Ask(asked);
  now_ += absl::Hours(2);
  EXPECT_EQ(Ask(asked)->id, request.id);
  ASSERT_TRUE(store_->DecidePending(request.id, true, "", now_).ok());
  Issuance issuance = IssuanceFor(request, "s1");
  issuance.secret_id = secret.id;
  // Not without the operator's word.
  issuance.pending_id.reset();
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(issuance).status()));
  issuance.pending_id = request.id;
  auto issued = Issue(issuance);
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_FALSE(issued->repeated);
  EXPECT_TRUE(Issue(issuance)->repeated);
}

TEST_P(PendingTest, ASpentSecretDoesNotComeBeforeTheOperator) {
  const SecretRecord expired = MakeSecret("gw-17", "secret");
  const SecretRecord used = MakeSecret("gw-17", "used");
  Issuance first = MakeIssuance(id_, "s0", "k0");
  first.secret_id = used.id;
  ASSERT_TRUE(Issue(first).ok());
  PendingRequest request = Request("k1");
  request.secret_id = used.id;
  EXPECT_TRUE(absl::IsPermissionDenied(Ask(request).status()));
  request.secret_id = expired.id;
  now_ += absl::Hours(1);
  request.created_at = now_;
  EXPECT_TRUE(absl::IsPermissionDenied(Ask(request).status()));
  EXPECT_TRUE(List().empty());
}

TEST_P(PendingTest, RegistersADeviceThatWaits) {
  PendingRequest request = Request("k1", "plant");
  request.identity_id = 0;
  request.identity = "dev-1";
  auto added = Ask(request);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->identity_id, store_->FindIdentity("dev-1")->id);
  EXPECT_EQ(store_->FindIdentity("dev-1")->labels,
            std::vector<std::string>{"plant"});
  EXPECT_EQ(Ask(request)->id, added->id);
  // Nobody registers over a registration authority.
  ASSERT_TRUE(store_->AddIdentity("ra", {{"plant"}, true}, now_).ok());
  PendingRequest ra = request;
  ra.identity = "ra";
  EXPECT_TRUE(absl::IsAborted(Ask(ra).status()));
  // Not one that had no place.
  request.identity = "dev-2";
  EXPECT_FALSE(Ask(request, 1).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->FindIdentity("dev-2").status()));
}

// The same request over many connections at once is one request.
TEST_P(PendingTest, IsThreadSafe) {
  constexpr int kThreads = 8;
  std::vector<int64_t> ids(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i, &ids] {
      auto request = Ask(Request("k1"));
      EXPECT_TRUE(request.ok()) << request.status();
      ids[static_cast<size_t>(i)] = request->id;
      EXPECT_TRUE(Ask(Request(absl::StrCat("own ", i))).ok());
      List();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int64_t id : ids) EXPECT_EQ(id, ids[0]);
  EXPECT_EQ(List().size(), 1u + kThreads);
}

class RenewalOrderTest : public PendingTest {
 protected:
  RenewalOrder Order(std::optional<std::string> label) {
    RenewalOrder order;
    order.label = std::move(label);
    order.issued_before = now_;
    order.window_start = now_;
    order.window_end = now_ + absl::Hours(24);
    order.created_at = now_;
    return order;
  }
  CertificateRecord Record(const std::string& label, absl::Duration age) {
    CertificateRecord record;
    record.label = label;
    record.issued_at = now_ - age;
    return record;
  }
};

TEST_P(RenewalOrderTest, MeansTheCertificatesThatItNames) {
  EXPECT_TRUE(absl::IsNotFound(
      store_->FindRenewalOrder(Record("", absl::Hours(1))).status()));
  auto all = store_->AddRenewalOrder(Order(std::nullopt));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(store_->FindRenewalOrder(Record("", absl::Hours(1)))->id, *all);
  EXPECT_EQ(store_->FindRenewalOrder(Record("plant", absl::Hours(1)))->id,
            *all);
  // Issued since: nothing is wrong with it.
  EXPECT_TRUE(absl::IsNotFound(
      store_->FindRenewalOrder(Record("", absl::ZeroDuration())).status()));
  // The newest order counts.
  auto plant = store_->AddRenewalOrder(Order("plant"));
  ASSERT_TRUE(plant.ok());
  auto found = store_->FindRenewalOrder(Record("plant", absl::Hours(1)));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->id, *plant);
  EXPECT_EQ(found->label, "plant");
  EXPECT_EQ(found->window_start, now_);
  EXPECT_EQ(found->window_end, now_ + absl::Hours(24));
  EXPECT_EQ(store_->FindRenewalOrder(Record("", absl::Hours(1)))->id, *all);
  // An order for the service without a label is not one for all.
  auto plain = store_->AddRenewalOrder(Order(""));
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(store_->FindRenewalOrder(Record("", absl::Hours(1)))->id, *plain);
  EXPECT_EQ(store_->FindRenewalOrder(Record("office", absl::Hours(1)))->id,
            *all);
  size_t count = 0;
  ASSERT_TRUE(
      store_->ForEachRenewalOrder([&](const RenewalOrder&) { ++count; }).ok());
  EXPECT_EQ(count, 3u);
}

TEST_P(RenewalOrderTest, RefusesAWindowThatEndsBeforeItBegins) {
  RenewalOrder order = Order("");
  order.window_end = order.window_start - absl::Seconds(1);
  EXPECT_TRUE(absl::IsInvalidArgument(store_->AddRenewalOrder(order).status()));
  order.window_end = order.window_start;
  EXPECT_TRUE(store_->AddRenewalOrder(order).ok());
}

INSTANTIATE_ON_BOTH_ENGINES(PendingTest);
INSTANTIATE_ON_BOTH_ENGINES(RenewalOrderTest);

}  // namespace
}  // namespace bestow::server
