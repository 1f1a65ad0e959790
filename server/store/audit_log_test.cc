// The audit log: in order, chained, and never changed.
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/store/audit_chain.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

class AuditLogTest : public StoreFixture {
 protected:
  static AuditEntry Entry(const std::string& action) {
    AuditEntry entry;
    entry.at = Start() + absl::Milliseconds(7);
    entry.actor = "gw-17";
    entry.source = "192.0.2.7";
    entry.action = action;
    entry.outcome = "refused";
    entry.label = "plant";
    entry.subject = "gw-17";
    entry.detail = "wrong \"key\"";
    return entry;
  }
  std::vector<AuditRecord> Log() {
    auto records = store_->ReadAudit(0, kMaxPage);
    EXPECT_TRUE(records.ok()) << records.status();
    return *records;
  }
  void ExpectChain(const std::vector<AuditRecord>& log) {
    Bytes previous = FirstAuditHash();
    int64_t sequence = 1;
    for (const AuditRecord& record : log) {
      EXPECT_EQ(record.sequence, sequence++);
      EXPECT_EQ(record.hash, AuditHash(previous, record));
      previous = record.hash;
    }
  }
};

TEST_P(AuditLogTest, KeepsWhatWasDone) {
  EXPECT_TRUE(absl::IsNotFound(store_->LastAudit().status()));
  ASSERT_TRUE(store_->AppendAndWait(Entry("simpleenroll")).ok());
  const std::vector<AuditRecord> log = Log();
  ASSERT_EQ(log.size(), 1u);
  const AuditEntry& entry = log[0].entry;
  EXPECT_EQ(entry.at, Start() + absl::Milliseconds(7));
  EXPECT_EQ(entry.actor, "gw-17");
  EXPECT_EQ(entry.source, "192.0.2.7");
  EXPECT_EQ(entry.action, "simpleenroll");
  EXPECT_EQ(entry.outcome, "refused");
  EXPECT_EQ(entry.label, "plant");
  EXPECT_EQ(entry.detail, "wrong \"key\"");
  ExpectChain(log);
  EXPECT_EQ(store_->LastAudit()->hash, log[0].hash);
}

TEST_P(AuditLogTest, IsWrittenWithWhatItTellsOf) {
  const int64_t id = MakeIdentity("a");
  Issuance issuance = MakeIssuance(id, "s1", "k1");
  issuance.secret_id = MakeSecret("a", "h").id;
  issuance.audit = Entry("simpleenroll");
  ASSERT_TRUE(Issue(issuance).ok());
  issuance.record.serial = {9};
  ASSERT_TRUE(Issue(issuance)->repeated);
  issuance.record.key_sha256 = {9};
  EXPECT_FALSE(Issue(issuance).ok());  // the caller's to append
  EXPECT_TRUE(absl::IsAlreadyExists(
      store_->SetPassword("a", "x", false, Start(), {}, {}, Entry("users"))));
  ASSERT_TRUE(
      store_->SetPassword("a", "x", true, Start(), {}, {}, Entry("users"))
          .ok());
  const std::vector<AuditRecord> log = Log();
  ASSERT_EQ(log.size(), 3u);
  EXPECT_EQ(log[0].entry.outcome, "issued");
  EXPECT_EQ(ToText(log[0].entry.serial), "s1");
  EXPECT_EQ(log[1].entry.outcome, "repeated");
  EXPECT_EQ(ToText(log[1].entry.serial), "s1");
  EXPECT_EQ(log[2].entry.action, "users");
  ExpectChain(log);
}

TEST_P(AuditLogTest, IsNeverChanged) {
  ASSERT_TRUE(store_->AppendAndWait(Entry("a")).ok());
  const auto other = Connect();
  EXPECT_FALSE(other->Execute("UPDATE audit_log SET detail = ''").ok());
  EXPECT_FALSE(other->Execute("DELETE FROM audit_log").ok());
  if (!on_sqlite()) {
    EXPECT_FALSE(other->Execute("TRUNCATE audit_log").ok());
  }
  EXPECT_EQ(Log().size(), 1u);
}

TEST_P(AuditLogTest, TakesAnyTextAndShortensIt) {
  AuditEntry entry = Entry("a");
  entry.actor = std::string("a\0\xff\n", 4);
  entry.detail = std::string(5000, 'x');
  ASSERT_TRUE(store_->AppendAndWait(entry).ok());
  EXPECT_EQ(Log()[0].entry.actor, "a???");
  EXPECT_EQ(Log()[0].entry.detail.size(), 1024u);
  ExpectChain(Log());
}

TEST_P(AuditLogTest, ALostEntryIsCountedInTheNext) {
  const int64_t id = MakeIdentity("a");
  Reopen({.max_queued = 1, .max_batch = 1});
  std::promise<void> entered, leave;
  std::shared_future<void> left = leave.get_future().share();
  store_->Issue(MakeIssuance(id, "s0", "k"), [&](absl::StatusOr<Issued>) {
    entered.set_value();
    left.wait();
  });
  entered.get_future().wait();
  store_->Append(Entry("kept"));
  store_->Append(Entry("lost"));
  leave.set_value();
  // Waits for its turn behind "kept".
  absl::Status status;
  do {
    status = store_->AppendAndWait(Entry("waited"));
  } while (absl::IsResourceExhausted(status));
  ASSERT_TRUE(status.ok()) << status;
  store_->Append(Entry("next"));
  Reopen({});
  std::vector<std::string> actions;
  for (const AuditRecord& record : Log()) {
    actions.push_back(record.entry.action);
  }
  EXPECT_EQ(actions,
            (std::vector<std::string>{"kept", "waited", "audit", "next"}));
  EXPECT_TRUE(absl::StartsWith(Log()[2].entry.detail, "1 "));
}

TEST_P(AuditLogTest, IsOneChainWhoeverWrites) {
  auto other = OpenStore(options_);
  ASSERT_TRUE(other.ok()) << other.status();
  std::vector<std::thread> threads;
  for (Store* store : {store_.get(), other->get()}) {
    threads.emplace_back([store] {
      for (int i = 0; i < 50; ++i) store->Append(Entry("a"));
    });
  }
  for (std::thread& thread : threads) thread.join();
  other->reset();
  Reopen({});
  EXPECT_EQ(Log().size(), 100u);
  ExpectChain(Log());
}

INSTANTIATE_ON_BOTH_ENGINES(AuditLogTest);

}  // namespace
}  // namespace bestow::server
