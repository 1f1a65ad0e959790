// What requests ask costs the same from one thousand to one million records:
// nothing on their way reads a whole table. (The plans are asked for from the
// statements as the store runs them.)
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sql_store.h"
#include "server/store/sqlite_engine.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

// Every statement that is prepared.
struct Statements {
  std::mutex mutex;
  std::set<std::string> texts;
};

class WatchedConnection : public SqlConnection {
 public:
  WatchedConnection(std::unique_ptr<SqlConnection> real, Statements& seen)
      : real_(std::move(real)), seen_(seen) {}
  SqlDialect dialect() const override { return real_->dialect(); }
  absl::Status Execute(const std::string& sql) override {
    return real_->Execute(sql);
  }
  absl::StatusOr<SqlStatement> Prepare(std::string_view sql) override {
    std::lock_guard<std::mutex> lock(seen_.mutex);
    seen_.texts.emplace(sql);
    return real_->Prepare(sql);
  }
  absl::Status BeginWriting() override { return real_->BeginWriting(); }
  absl::Status BeginReading() override { return real_->BeginReading(); }
  bool in_transaction() const override { return real_->in_transaction(); }
  bool is_alive() const override { return real_->is_alive(); }

 private:
  const std::unique_ptr<SqlConnection> real_;
  Statements& seen_;
};

class WatchedEngine : public SqlEngine {
 public:
  WatchedEngine(std::unique_ptr<SqlEngine> real, Statements& seen)
      : real_(std::move(real)), seen_(seen) {}
  absl::StatusOr<std::unique_ptr<SqlConnection>> Connect(
      Access access) override {
    auto connection = real_->Connect(access);
    if (!connection.ok()) return connection.status();
    return std::make_unique<WatchedConnection>(*std::move(connection), seen_);
  }
  bool is_shared() const override { return real_->is_shared(); }

 private:
  const std::unique_ptr<SqlEngine> real_;
  Statements& seen_;
};

class HotQueryTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    std::unique_ptr<SqlEngine> real;
    if (on_sqlite()) {
      real = std::make_unique<SqliteEngine>(options_.path);
    } else {
      real = std::make_unique<PostgresEngine>(
          PostgresOptions{options_.connection, ""});
    }
    auto engine = std::make_unique<WatchedEngine>(std::move(real), seen_);
    auto writer = engine->Connect(SqlEngine::Access::kWrite);
    ASSERT_TRUE(writer.ok()) << writer.status();
    id_ = MakeIdentity("a");
    MakeSecret("a", "other");
    store_ = std::make_unique<SqlStore>(std::move(engine), *std::move(writer),
                                        100, 100);
  }
  void TearDown() override {
    store_.reset();  // before what it tells
    StoreFixture::TearDown();
  }
  // What of the plan reads a whole table.
  std::vector<std::string> Scans(SqlConnection& connection,
                                 const std::string& sql);
  void ExpectNoScans();
  // Of what was asked, the statements that look into all blocks of the
  // certificates (certificate_blocks.h).
  std::vector<std::string> AskedOfBlocks() {
    std::vector<std::string> statements;
    for (const std::string& sql : seen_.texts) {
      if (absl::StrContains(sql, "RECURSIVE block")) statements.push_back(sql);
    }
    return statements;
  }

  int64_t id_ = 0;
  Statements seen_;
};

std::vector<std::string> HotQueryTest::Scans(SqlConnection& connection,
                                             const std::string& sql) {
  std::vector<std::string> scans;
  if (on_sqlite()) {
    // Its plan has loops over what may wait for the new row's id. They run
    // when something does, and nothing ever does.
    if (absl::StartsWith(sql, "INSERT INTO certificates")) return scans;
    auto plan = connection.Prepare("EXPLAIN QUERY PLAN " + sql);
    EXPECT_TRUE(plan.ok()) << plan.status() << sql;
    absl::Status status = plan->ForEachRow([&] {
      const std::string step = plan->Text(3);
      // "SCAN x" reads all of x, unless along an index up to a LIMIT.
      if (absl::StartsWith(step, "SCAN ") &&
          !absl::StartsWith(step, "SCAN CONSTANT") &&
          !absl::StartsWith(step, "SCAN found") &&
          !absl::StartsWith(step, "SCAN lines") &&
          // As many as a thousandth of the certificates: see below.
          !absl::StartsWith(step, "SCAN block") &&
          !absl::StrContains(step, "subquery") &&
          !absl::StrContains(sql, " DESC LIMIT 1")) {
        scans.push_back(step);
      }
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return scans;
  }
  // A generic plan, of parameters whose values it does not know. What is still
  // sequential when that is forbidden has no index.
  absl::Status status = connection.Execute(
      "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan");
  EXPECT_TRUE(status.ok()) << status;
  std::string numbered, nulls;
  int count = 0;
  for (char c : sql) {
    if (c == '?') {
      absl::StrAppend(&numbered, "$", ++count);
      absl::StrAppend(&nulls, count == 1 ? "" : ", ", "NULL");
    } else {
      numbered.push_back(c);
    }
  }
  status = connection.Execute("PREPARE asked AS " + numbered);
  EXPECT_TRUE(status.ok()) << status << sql;
  auto plan = connection.Prepare(absl::StrCat(
      "EXPLAIN EXECUTE asked", count > 0 ? absl::StrCat("(", nulls, ")") : ""));
  status = plan->ForEachRow([&] {
    if (absl::StrContains(plan->Text(0), "Seq Scan")) {
      scans.push_back(plan->Text(0));
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status << sql;
  EXPECT_TRUE(connection.Execute("DEALLOCATE asked").ok());
  return scans;
}

bool IsSmall(const std::string& step);

void HotQueryTest::ExpectNoScans() {
  const auto connection = Connect();
  for (const std::string& sql : seen_.texts) {
    for (const std::string& scan : Scans(*connection, sql)) {
      EXPECT_TRUE(IsSmall(scan)) << scan << "\n" << sql;
    }
  }
}

// Tables that the operator's hand alone makes longer, a few rows in all.
bool IsSmall(const std::string& step) {
  return absl::StrContains(step, "renewal_orders");
}

TEST_P(HotQueryTest, NothingOnARequestsWayReadsAWholeTable) {
  const int64_t id = id_;
  ASSERT_TRUE(store_->FindIdentity("a").ok());
  const SecretRecord secret = MakeSecret("a", "h");
  ASSERT_TRUE(store_->CheckUnused(id, secret.id, Start()).ok());
  ASSERT_TRUE(store_->FindDigestSecrets(id, "Bestow", "MD5").ok());
  store_->FindPreSharedKey(Bytes{1}).IgnoreError();
  Issuance issuance = MakeIssuance(id, "s1", "k1");
  issuance.secret_id = secret.id;
  issuance.max_live = 5;
  issuance.audit.action = "simpleenroll";
  ASSERT_TRUE(Issue(issuance).ok());
  ASSERT_TRUE(Issue(issuance).ok());
  Issuance renewal = MakeIssuance(id, "s2", "k2");
  renewal.replaces_serial = ToBytes(AsBytes("s1"));
  renewal.max_live = 5;
  ASSERT_TRUE(Issue(renewal).ok());
  ASSERT_TRUE(store_->FindCertificate(AsBytes("s1")).ok());
  ASSERT_TRUE(store_->FindCertificateByKey(id, AsBytes("k1")).ok());
  store_->FindRenewalOrder(*store_->FindCertificate(AsBytes("s1")))
      .IgnoreError();
  PendingRequest request;
  request.identity_id = id;
  request.operation = "simpleenroll";
  request.key_sha256 = {1};
  request.created_at = Start();
  request.expires_at = Start() + absl::Hours(1);
  std::promise<absl::StatusOr<PendingRequest>> asked;
  store_->FindOrAddPending(request, 10, [&](absl::StatusOr<PendingRequest> r) {
    asked.set_value(std::move(r));
  });
  ASSERT_TRUE(asked.get_future().get().ok());
  std::promise<absl::StatusOr<bool>> used;
  store_->UseNonce({{1}, 1, Start(), Start()}, [&](absl::StatusOr<bool> f) {
    used.set_value(std::move(f));
  });
  ASSERT_TRUE(used.get_future().get().ok());
  ASSERT_TRUE(store_->ListRevoked(Bytes{1}, Start(), std::nullopt).ok());
  ASSERT_TRUE(store_->ListRevoked(Bytes{1}, Start(), Start()).ok());
  store_->FindCrl(Bytes{1}, false).IgnoreError();
  store_->FindCrl(Bytes{1}, true).IgnoreError();
  ASSERT_TRUE(store_->LastExpiry(Bytes{1}).ok());
  ASSERT_TRUE(store_->LastAudit().ok());
  EXPECT_GT(seen_.texts.size(), 20u);
  ExpectNoScans();
}

// Enrollments, of an identity that is new or has one certificate, and renewals
// don't even look into the blocks; nor does what a certificate is asked for.
TEST_P(HotQueryTest, AnIssuanceDoesNotLookIntoTheBlocks) {
  Issuance issuance = MakeIssuance(id_, "s1", "k1");
  issuance.secret_id = MakeSecret("a", "h").id;
  issuance.max_live = 1;
  issuance.audit.action = "simpleenroll";
  ASSERT_TRUE(Issue(issuance).ok());
  ASSERT_TRUE(Issue(issuance).ok());
  for (int i = 2; i < 5; ++i) {
    Issuance renewal =
        MakeIssuance(id_, absl::StrCat("s", i), absl::StrCat("k", i));
    renewal.replaces_serial = ToBytes(AsBytes(absl::StrCat("s", i - 1)));
    renewal.max_live = 1;
    ASSERT_TRUE(Issue(renewal).ok());
  }
  ASSERT_TRUE(store_->FindCertificate(AsBytes("s1")).ok());
  EXPECT_THAT(AskedOfBlocks(), testing::IsEmpty());
  // Who begins anew beside what it has is looked at.
  Issuance second = MakeIssuance(id_, "s9", "k9");
  second.max_live = 1;
  EXPECT_TRUE(absl::IsOutOfRange(Issue(second).status()));
  EXPECT_THAT(AskedOfBlocks(), testing::SizeIs(2));
  ExpectNoScans();
}

// An operator may wait for a million certificates' blocks, not for their rows.
TEST_P(HotQueryTest, AnOperatorsLookupsReadNoWholeTable) {
  ASSERT_TRUE(Issue(MakeIssuance(id_, "s1", "k1")).ok());
  CertificateFilter filter;
  filter.identity = "a";
  EXPECT_EQ(store_->ListCertificates(filter, {})->size(), 1u);
  filter.key_sha256 = ToBytes(AsBytes("k1"));
  EXPECT_EQ(store_->ListCertificates(filter, {})->size(), 1u);
  filter.identity.reset();
  EXPECT_EQ(store_->ListCertificates(filter, {})->size(), 1u);
  RevokeOrder order;
  order.revocation.at = Start();
  order.audit.action = "revoke";
  order.key_sha256 = filter.key_sha256;
  EXPECT_TRUE(store_->Revoke(order).ok());
  order.key_sha256.clear();
  order.serial = ToBytes(AsBytes("s1"));
  store_->Revoke(order).IgnoreError();
  order.serial.clear();
  order.identity = "a";
  store_->Revoke(order).IgnoreError();
  EXPECT_TRUE(store_->RemoveIdentity("a", Start(), {}).ok());
  EXPECT_THAT(AskedOfBlocks(), testing::SizeIs(6));
  ExpectNoScans();
}

INSTANTIATE_ON_BOTH_ENGINES(HotQueryTest);

}  // namespace
}  // namespace bestow::server
