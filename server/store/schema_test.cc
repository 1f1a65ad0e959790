// The way up from a database that an older bestow-server wrote
// (testdata/schema*.sql).
#include "server/store/schema.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "gtest/gtest.h"
#include "server/store/open_store.h"
#include "server/store/sqlite_connection.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

constexpr int kKilled = 9;

bool FailAtCommit(std::string_view name) {
  return name == "store.before_schema_commit";
}
bool EndAtCommit(std::string_view name) {
  if (FailAtCommit(name)) _exit(kKilled);
  return false;
}

Bytes FromHex(std::string_view hex) {
  std::string octets;
  EXPECT_TRUE(absl::HexStringToBytes(hex, &octets));
  return ToBytes(AsBytes(octets));
}

// Every table, column and index, as the engine sees them.
std::string ShapeOf(SqlConnection& database) {
  const char* sql =
      database.dialect() == SqlDialect::kSqlite
          ? "SELECT m.type || '|' || m.name || '|' || coalesce(m.sql, '') ||"
            " '|' || coalesce(c.name, '') || '|' || coalesce(c.type, '') ||"
            " '|' || coalesce(c.dflt_value, '') FROM sqlite_master m"
            " LEFT JOIN pragma_table_xinfo(m.name) c ORDER BY m.name, c.cid"
          : "SELECT * FROM (SELECT table_name || '|' || column_name || '|' ||"
            " data_type || '|' || is_nullable || '|' ||"
            " coalesce(column_default, '') AS line"
            " FROM information_schema.columns"
            " WHERE table_schema = current_schema()"
            " UNION ALL SELECT indexdef FROM pg_indexes"
            " WHERE schemaname = current_schema()"
            " UNION ALL SELECT conname || '|' || pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE connamespace ="
            " (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))"
            " AS lines ORDER BY line";
  auto query = database.Prepare(sql);
  EXPECT_TRUE(query.ok()) << query.status();
  std::string shape;
  absl::Status status = query->ForEachRow([&] {
    absl::StrAppend(&shape, query->Text(0), "\n");
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  return shape;
}

// A database as an older version left it.
struct Older {
  Engine engine;
  int version;
  const char* file;
};

class SchemaTest : public EngineFixture,
                   public testing::WithParamInterface<Older> {
 protected:
  Engine engine() const override { return GetParam().engine; }

  void SetUp() override {
    MakePlace();
    auto sql = ReadFile(absl::StrCat("server/store/testdata/", GetParam().file),
                        1 << 20);
    ASSERT_TRUE(sql.ok()) << sql.status();
    if (on_sqlite()) {
      ASSERT_TRUE(
          SqliteConnection::Open(options_.path, SqliteConnection::Mode::kCreate)
              .ok());
    }
    absl::Status status = Connect()->Execute(*sql);
    ASSERT_TRUE(status.ok()) << status;
  }
  void TearDown() override {
    SetFailpointHandler(nullptr);
    EngineFixture::TearDown();
  }

  int64_t Version() { return SchemaVersion(*Connect()).value_or(-2); }
  std::string Shape() { return ShapeOf(*Connect()); }

  void ExpectEverythingIsThere() {
    Reopen({});
    EXPECT_EQ(Version(), kSchemaVersion);
    auto alice = store_->FindIdentity("alice");
    ASSERT_TRUE(alice.ok()) << alice.status();
    EXPECT_EQ(alice->password_hash.substr(0, 14), "scrypt$14$8$1$");
    EXPECT_EQ(alice->is_ra, GetParam().version > 1);
    EXPECT_EQ(alice->labels, std::vector<std::string>{""});

    auto device = store_->FindIdentity("gw-17");
    ASSERT_TRUE(device.ok()) << device.status();
    auto record =
        store_->FindCertificate(FromHex("533d8f736bf9897c3006ad33d26d6fc74d"));
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->identity, "gw-17");
    EXPECT_EQ(record->label, "");
    EXPECT_FALSE(record->server_key);
    EXPECT_FALSE(record->revocation.has_value());
    EXPECT_EQ(record->issuer_key_id,
              FromHex("b7efcfbd332c575636fa3637c63c99a42b745600"));
    EXPECT_EQ(record->subject_key_id,
              FromHex("5185578c8a16f27b6c989aaa4c2c2b423c468382"));
    // Found by either name of its key.
    for (const Bytes& name : {record->subject_key_id, record->key_sha256}) {
      auto found = store_->FindCertificateByKey(device->id, name);
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(found->serial, record->serial);
    }
    EXPECT_TRUE(store_
                    ->FindSecret(store_->FindIdentity("gw-18")->id,
                                 FromHex("89b9c0ea88ea9f93c980680d3143b3b8"
                                         "e12d20e3aa12a38689bf613c5f54bcea"))
                    .ok());
    // And it goes on from there: the secret that is bound stays bound.
    auto secret = store_->FindSecret(
        device->id, FromHex("dcee2a7432d3322db273f275cde7e233"
                            "e493b1f2148160fc1e959f8ea5c6ea8b"));
    ASSERT_TRUE(secret.ok());
    Issuance again = MakeIssuance(device->id, "new", "another key");
    again.secret_id = secret->id;
    again.record.issued_at = record->issued_at;
    EXPECT_TRUE(absl::IsPermissionDenied(Issue(again).status()));
    again.record.key_sha256 = record->key_sha256;
    auto repeated = Issue(again);
    ASSERT_TRUE(repeated.ok()) << repeated.status();
    EXPECT_EQ(repeated->certificate, record->certificate);
    EXPECT_TRUE(Issue(MakeIssuance(alice->id, "s2", "k2")).ok());
  }
};

TEST_P(SchemaTest, BringsAnOlderDatabaseUp) {
  EXPECT_EQ(Version(), GetParam().version);
  ExpectEverythingIsThere();
  // Nothing happens twice.
  const std::string shape = Shape();
  Reopen({});
  EXPECT_EQ(Shape(), shape);
  EXPECT_EQ(store_->FindIdentity("alice")->labels,
            std::vector<std::string>{""});
}

// Two renewals of one certificate: of the three the last counts.
TEST_P(SchemaTest, WhatWasReplacedBeforeIsReplaced) {
  if (GetParam().version < 3) GTEST_SKIP() << "nothing was then";
  Reopen({});
  const auto connection = Connect();
  auto query =
      connection->Prepare("SELECT id, first_id FROM certificates ORDER BY id");
  ASSERT_TRUE(query.ok()) << query.status();
  std::vector<std::pair<int64_t, int64_t>> lines;
  ASSERT_TRUE(query
                  ->ForEachRow([&] {
                    lines.emplace_back(query->Int(0),
                                       query->IsNull(1) ? 0 : query->Int(1));
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_EQ(lines,
            (std::vector<std::pair<int64_t, int64_t>>{{1, 0}, {2, 1}, {3, 1}}));
  const int64_t id = store_->FindIdentity("gw-17")->id;
  Issuance another = MakeIssuance(id, "s4", "k4");
  another.max_live = 2;
  EXPECT_TRUE(Issue(another).ok());
  Issuance third = MakeIssuance(id, "s5", "k5");
  third.max_live = 2;
  EXPECT_TRUE(absl::IsOutOfRange(Issue(third).status()));
}

TEST_P(SchemaTest, AnUpgradedDatabaseIsLikeANewOne) {
  Reopen({});
  const std::string upgraded = Shape();
  MakePlace();
  ASSERT_TRUE(CreateStore(options_).ok());
  EXPECT_EQ(upgraded, Shape());
  EXPECT_GT(upgraded.size(), 5000u);
}

// A server of that version may be running on it.
TEST_P(SchemaTest, IsNotBroughtUpUnlessThatIsMeant) {
  const std::string before = Shape();
  options_.older = StoreOptions::Older::kRefuse;
  const absl::Status refused = OpenStore(options_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "bestow-server run"))
      << refused;
  options_.older = StoreOptions::Older::kLeave;
  auto left = OpenStore(options_);
  EXPECT_EQ(left.ok(), on_sqlite()) << left.status();
  if (left.ok()) {
    const std::string copy =
        absl::StrCat(testing::TempDir(), "/copy", GetParam().version, ".db");
    unlink(copy.c_str());
    ASSERT_TRUE((*left)->BackupTo(copy).ok());
    EXPECT_TRUE(OpenStore({.path = copy, .write_ahead = false}).ok());
  }
  EXPECT_EQ(Version(), GetParam().version);
  EXPECT_EQ(Shape(), before);
  options_.older = StoreOptions::Older::kBringUp;
  ExpectEverythingIsThere();
}

TEST_P(SchemaTest, AnUpgradeThatFailsChangesNothing) {
  const std::string before = Shape();
  SetFailpointHandler(&FailAtCommit);
  EXPECT_FALSE(OpenStore(options_).ok());
  SetFailpointHandler(nullptr);
  EXPECT_EQ(Version(), GetParam().version);
  EXPECT_EQ(Shape(), before);
  ExpectEverythingIsThere();
}

// The process dies with the whole transaction written and not committed.
TEST_P(SchemaTest, AnUpgradeThatIsInterruptedChangesNothing) {
  EXPECT_EXIT(
      {
        SetFailpointHandler(&EndAtCommit);
        OpenStore(options_).IgnoreError();
      },
      testing::ExitedWithCode(kKilled), "");
  ExpectEverythingIsThere();
}

// Several servers, and a command of the operator, all new, at the same moment.
TEST_P(SchemaTest, SeveralUpgradeOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      auto store = OpenStore(options_);
      EXPECT_TRUE(store.ok()) << store.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectEverythingIsThere();
}

INSTANTIATE_TEST_SUITE_P(
    Versions, SchemaTest,
    testing::Values(Older{Engine::kSqlite, 1, "schema1.sql"},
                    Older{Engine::kSqlite, 2, "schema2.sql"},
                    Older{Engine::kSqlite, 3, "schema3.sql"},
                    Older{Engine::kPostgresql, 2, "schema2_postgresql.sql"},
                    Older{Engine::kPostgresql, 3, "schema3_postgresql.sql"}),
    [](const testing::TestParamInfo<Older>& info) {
      return absl::StrCat(
          info.param.engine == Engine::kSqlite ? "Sqlite" : "Postgresql",
          info.param.version);
    });

// An empty database, and many servers that start on it.
TEST(EmptyDatabaseTest, GetsItsTablesOnce) {
  StoreOptions options;
  options.engine = Engine::kPostgresql;
  options.connection = *PostgresServer::Shared().CreateDatabase();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto store = OpenStore(options);
      EXPECT_TRUE(store.ok()) << store.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace bestow::server
