// The store, on a file of its own.
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/failpoint.h"
#include "gtest/gtest.h"
#include "server/store/open_store.h"
#include "server/store/schema.h"
#include "server/store/sqlite_connection.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

// The handler is a plain function, so what it does sits in globals.
std::atomic<const char*> g_fail{nullptr};
bool FailByName(std::string_view name) {
  const char* wanted = g_fail.load();
  return wanted != nullptr && name == wanted;
}

class StoreTest : public StoreFixture {
 protected:
  void TearDown() override {
    g_fail = nullptr;
    StoreFixture::TearDown();
    SetFailpointHandler(nullptr);
  }

  static bool HasSerial(SqlConnection& connection, const std::string& serial) {
    auto query =
        connection.Prepare("SELECT 1 FROM certificates WHERE serial = ?");
    EXPECT_TRUE(query.ok()) << query.status();
    return query->Bind(AsBytes(serial)).Step().value_or(false);
  }

  const absl::Time kNow = Start();
};

TEST_P(StoreTest, KeepsWhatItIssued) {
  const int64_t id = MakeIdentity("gw-17");
  Issuance issuance = MakeIssuance(id, "s1", "k1");
  auto issued = Issue(issuance);
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_FALSE(issued->repeated);
  Reopen({});
  auto found = store_->FindCertificate(AsBytes("s1"));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->identity, "gw-17");
  EXPECT_EQ(found->identity_id, id);
  EXPECT_EQ(found->operation, "simpleenroll");
  EXPECT_EQ(found->subject, "CN=a");
  EXPECT_EQ(found->not_before, kNow);
  EXPECT_EQ(found->not_after, kNow + absl::Hours(1));
  EXPECT_EQ(found->issued_at, kNow);
  EXPECT_EQ(found->key_sha256, issuance.record.key_sha256);
  EXPECT_EQ(found->certificate, issuance.record.certificate);
}

TEST_P(StoreTest, FindsNothingThatIsNotThere) {
  EXPECT_TRUE(absl::IsNotFound(store_->FindIdentity("a").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->FindSecret(1, AsBytes("a")).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->FindCertificate(AsBytes("a")).status()));
}

TEST_P(StoreTest, RefusesASerialTwiceAndKeepsTheRestOfTheBatch) {
  const int64_t id = MakeIdentity("a");
  ASSERT_TRUE(Issue(MakeIssuance(id, "s1", "k1")).ok());
  EXPECT_TRUE(
      absl::IsAlreadyExists(Issue(MakeIssuance(id, "s1", "k2")).status()));
  ASSERT_TRUE(Issue(MakeIssuance(id, "s2", "k2")).ok());
  EXPECT_EQ(CertificateCount(), 2u);
}

TEST_P(StoreTest, BindsASecretToTheFirstKey) {
  const int64_t id = MakeIdentity("a");
  const SecretRecord secret = MakeSecret("a", "h1");
  Issuance first = MakeIssuance(id, "s1", "k1");
  first.secret_id = secret.id;
  auto issued = Issue(first);
  ASSERT_TRUE(issued.ok()) << issued.status();

  // The same key again gets the same bytes, and no second record.
  Issuance again = MakeIssuance(id, "s2", "k1");
  again.secret_id = secret.id;
  again.record.issued_at = kNow + kWindow - absl::Seconds(1);
  auto repeated = Issue(again);
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_TRUE(repeated->repeated);
  EXPECT_EQ(repeated->certificate, issued->certificate);
  EXPECT_EQ(CertificateCount(), 1u);

  // Another key never does.
  Issuance other = MakeIssuance(id, "s3", "k2");
  other.secret_id = secret.id;
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(other).status()));
  other.record.issued_at = kNow + 1000 * kWindow;
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(other).status()));
  EXPECT_EQ(CertificateCount(), 1u);
}

// Nor does one label hand out what another issued, by its own window.
TEST_P(StoreTest, RepeatsASecretAtItsLabelOnly) {
  Issuance first = MakeIssuance(MakeIdentity("a"), "s1", "k1");
  first.secret_id = MakeSecret("a", "h1").id;
  ASSERT_TRUE(Issue(first).ok());
  Issuance elsewhere = first;
  elsewhere.record.serial = {9};
  elsewhere.record.label = "plant";
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(elsewhere).status()));
  EXPECT_TRUE(Issue(first)->repeated);
  EXPECT_EQ(CertificateCount(), 1u);
}

TEST_P(StoreTest, RepeatsASecretForItsWindowOnly) {
  const int64_t id = MakeIdentity("a");
  Issuance first = MakeIssuance(id, "s1", "k1");
  first.secret_id = MakeSecret("a", "h1").id;
  ASSERT_TRUE(Issue(first).ok());
  first.record.serial = {9};
  first.record.issued_at = kNow + kWindow;
  auto late = Issue(first);
  EXPECT_TRUE(absl::IsPermissionDenied(late.status())) << late.status();
}

TEST_P(StoreTest, RefusesASecretThatExpiredUnused) {
  const int64_t id = MakeIdentity("a");
  Issuance issuance = MakeIssuance(id, "s1", "k1");
  issuance.secret_id = MakeSecret("a", "h1").id;
  issuance.record.issued_at = kNow + absl::Hours(1);
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(issuance).status()));
  EXPECT_EQ(CertificateCount(), 0u);
}

TEST_P(StoreTest, TellsWhetherASecretIsUnused) {
  const int64_t id = MakeIdentity("a");
  const SecretRecord secret = MakeSecret("a", "h1");  // for an hour
  const absl::Time last = kNow + absl::Hours(1) - absl::Seconds(1);
  EXPECT_TRUE(store_->CheckUnused(id, secret.id, last).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(
      store_->CheckUnused(id, secret.id, last + absl::Seconds(1))));
  EXPECT_TRUE(absl::IsNotFound(
      store_->CheckUnused(MakeIdentity("b"), secret.id, kNow)));
  Issuance issuance = MakeIssuance(id, "s1", "k1");
  issuance.secret_id = secret.id;
  ASSERT_TRUE(Issue(issuance).ok());
  EXPECT_TRUE(
      absl::IsPermissionDenied(store_->CheckUnused(id, secret.id, kNow)));
}

TEST_P(StoreTest, KeepsASecretToItsIdentity) {
  MakeIdentity("a");
  const int64_t other = MakeIdentity("b");
  const SecretRecord secret = MakeSecret("a", "h1");
  EXPECT_TRUE(
      absl::IsNotFound(store_->FindSecret(other, AsBytes("h1")).status()));
  Issuance issuance = MakeIssuance(other, "s1", "k1");
  issuance.secret_id = secret.id;
  EXPECT_FALSE(Issue(issuance).ok());
}

TEST_P(StoreTest, ReplacesAPasswordOnlyWhenTold) {
  MakeIdentity("a");
  EXPECT_TRUE(
      absl::IsAlreadyExists(store_->SetPassword("a", "new", false, kNow)));
  EXPECT_EQ(store_->FindIdentity("a")->password_hash, "hash");
  EXPECT_TRUE(store_->SetPassword("a", "new", true, kNow).ok());
  EXPECT_EQ(store_->FindIdentity("a")->password_hash, "new");
  // A secret's identity has none yet.
  MakeSecret("b", "h");
  EXPECT_EQ(store_->FindIdentity("b")->password_hash, "");
  EXPECT_TRUE(store_->SetPassword("b", "first", false, kNow).ok());
}

TEST_P(StoreTest, KnowsWhenTheLastCertificateOfAKeyEnds) {
  const int64_t id = MakeIdentity("a");
  const Bytes key = ToBytes(AsBytes("ca key 1"));
  EXPECT_EQ(*store_->LastExpiry(key), std::nullopt);
  for (const auto& [serial, hours, issuer] : {std::tuple{"s1", 1, "ca key 1"},
                                              {"s2", 5, "ca key 1"},
                                              {"s3", 3, "ca key 1"},
                                              {"s4", 9, "ca key 2"}}) {
    Issuance issuance = MakeIssuance(id, serial, "k");
    issuance.record.not_after = kNow + absl::Hours(hours);
    issuance.record.issuer_key_id = ToBytes(AsBytes(issuer));
    ASSERT_TRUE(Issue(issuance).ok());
  }
  // Its OCSP responder's is renewed for as long as the key is there.
  Issuance responder = MakeIssuance(id, "s5", "k");
  responder.record.not_after = kNow + absl::Hours(8);
  responder.record.issuer_key_id = key;
  responder.record.operation = "ocsp";
  ASSERT_TRUE(Issue(responder).ok());
  EXPECT_EQ(*store_->LastExpiry(key), kNow + absl::Hours(5));
}

// Many threads at once: each is told, each record is there, and there are
// fewer commits than records.
TEST_P(StoreTest, CommitsManyRecordsTogether) {
  constexpr int kThreads = 8;
  constexpr int kEach = 50;
  const int64_t id = MakeIdentity("a");
  const int64_t before = store_->commit_count();
  std::atomic<int> good{0};
  std::promise<void> all;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string name = absl::StrCat(t, ".", i);
        store_->Issue(MakeIssuance(id, name, name),
                      [&](absl::StatusOr<Issued> result) {
                        EXPECT_TRUE(result.ok()) << result.status();
                        if (++good == kThreads * kEach) all.set_value();
                      });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  all.get_future().wait();
  EXPECT_EQ(CertificateCount(), static_cast<size_t>(kThreads * kEach));
  EXPECT_LT(store_->commit_count() - before, kThreads * kEach);
}

TEST_P(StoreTest, TellsNobodyBeforeTheCommit) {
  const int64_t id = MakeIdentity("a");
  // A reader of its own sees only what is committed.
  const std::unique_ptr<SqlConnection> reader = Connect();
  for (int i = 0; i < 20; ++i) {
    const std::string serial = absl::StrCat("s", i);
    std::promise<bool> seen;
    store_->Issue(MakeIssuance(id, serial, "k"),
                  [&](absl::StatusOr<Issued> result) {
                    seen.set_value(result.ok() && HasSerial(*reader, serial));
                  });
    EXPECT_TRUE(seen.get_future().get());
  }
}

TEST_P(StoreTest, AFailedCommitFailsItsJobsAndNoneAfter) {
  const int64_t id = MakeIdentity("a");
  SetFailpointHandler(&FailByName);
  g_fail = "store.before_commit";
  auto failed = Issue(MakeIssuance(id, "s1", "k1"));
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInternal);
  g_fail = nullptr;
  EXPECT_EQ(CertificateCount(), 0u);
  EXPECT_TRUE(Issue(MakeIssuance(id, "s1", "k1")).ok());
}

// The client must take this for a failure and try again: the record stays.
TEST_P(StoreTest, AFailureAfterTheCommitKeepsTheRecord) {
  const int64_t id = MakeIdentity("a");
  Issuance issuance = MakeIssuance(id, "s1", "k1");
  issuance.secret_id = MakeSecret("a", "h").id;
  SetFailpointHandler(&FailByName);
  g_fail = "store.after_commit";
  EXPECT_FALSE(Issue(issuance).ok());
  g_fail = nullptr;
  EXPECT_EQ(CertificateCount(), 1u);
  issuance.record.serial = {7};
  auto repeated = Issue(issuance);
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_TRUE(repeated->repeated);
}

TEST_P(StoreTest, RefusesMoreThanItsQueueHolds) {
  const int64_t id = MakeIdentity("a");
  Reopen({.max_queued = 2, .max_batch = 1});
  // The writer stands still in the first job's callback.
  std::promise<void> entered, leave;
  std::shared_future<void> left = leave.get_future().share();
  store_->Issue(MakeIssuance(id, "s0", "k"), [&](absl::StatusOr<Issued>) {
    entered.set_value();
    left.wait();
  });
  entered.get_future().wait();
  std::atomic<int> finished{0};
  auto count = [&](absl::StatusOr<Issued> result) {
    EXPECT_TRUE(result.ok()) << result.status();
    ++finished;
  };
  store_->Issue(MakeIssuance(id, "s1", "k"), count);
  store_->Issue(MakeIssuance(id, "s2", "k"), count);
  auto refused = Issue(MakeIssuance(id, "s3", "k"));
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status()));
  leave.set_value();
  store_.reset();  // finishes what is queued
  EXPECT_EQ(finished, 2);
}

TEST_P(StoreTest, WaitsForNoWriterToRead) {
  MakeIdentity("a");
  const std::unique_ptr<SqlConnection> other = Connect();
  ASSERT_TRUE(other->BeginWriting().ok());
  EXPECT_TRUE(store_->FindIdentity("a").ok());
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
}

TEST_P(StoreTest, RefusesANewerSchema) {
  store_.reset();
  ASSERT_TRUE(Connect()
                  ->Execute(on_sqlite() ? "PRAGMA user_version=99"
                                        : "UPDATE schema_version SET version="
                                          "99")
                  .ok());
  auto opened = OpenStore(options_);
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(opened.status().message().find("newer"), std::string::npos)
      << opened.status();
  EXPECT_EQ(*SchemaVersion(*Connect()), 99);
}

TEST_P(StoreTest, RefusesTablesThatAreNotOurs) {
  MakePlace();
  if (on_sqlite()) {
    ASSERT_TRUE(
        SqliteConnection::Open(options_.path, SqliteConnection::Mode::kCreate)
            .ok());
  }
  ASSERT_TRUE(Connect()->Execute("CREATE TABLE identities (id TEXT)").ok());
  EXPECT_EQ(OpenStore(options_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

INSTANTIATE_ON_BOTH_ENGINES(StoreTest);

}  // namespace
}  // namespace bestow::server
