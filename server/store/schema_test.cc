// The way up from a database that the first bestow-server wrote
// (testdata/schema1.sql).
#include "server/store/schema.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
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

// Every table, column and index, as SQLite sees them.
std::vector<std::string> ShapeOf(const std::string& path) {
  auto database =
      SqliteConnection::Open(path, SqliteConnection::Mode::kReadOnly);
  EXPECT_TRUE(database.ok()) << database.status();
  std::vector<std::string> shape;
  auto query = (*database)->Prepare(
      "SELECT m.type, m.name, m.sql, c.name, c.type, c.\"notnull\","
      " c.dflt_value FROM sqlite_master m"
      " LEFT JOIN pragma_table_xinfo(m.name) c ORDER BY m.name, c.cid");
  EXPECT_TRUE(query.ok()) << query.status();
  for (;;) {
    auto row = query->Step();
    EXPECT_TRUE(row.ok()) << row.status();
    if (!*row) return shape;
    std::string line;
    for (int column = 0; column < 7; ++column) {
      absl::StrAppend(&line, query->Text(column), "|");
    }
    shape.push_back(line);
  }
}

class SchemaTest : public StoreFixture {
 protected:
  void SetUp() override {
    MakePath();
    auto sql = ReadFile("server/store/testdata/schema1.sql", 1 << 20);
    ASSERT_TRUE(sql.ok()) << sql.status();
    auto database =
        SqliteConnection::Open(path_, SqliteConnection::Mode::kCreate);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)->Execute(*sql).ok());
  }
  void TearDown() override {
    SetFailpointHandler(nullptr);
    StoreFixture::TearDown();
  }

  int64_t Version() {
    auto database =
        SqliteConnection::Open(path_, SqliteConnection::Mode::kReadOnly);
    auto query = (*database)->Prepare("PRAGMA user_version");
    EXPECT_TRUE(query->Step().value_or(false));
    return query->Int(0);
  }

  bool HasTable(const std::string& name) {
    auto database =
        SqliteConnection::Open(path_, SqliteConnection::Mode::kReadOnly);
    auto query =
        (*database)->Prepare("SELECT 1 FROM sqlite_master WHERE name = ?");
    return query->Bind(name).Step().value_or(false);
  }

  void ExpectEverythingIsThere() {
    Reopen({});
    EXPECT_EQ(Version(), kSchemaVersion);
    auto alice = store_->FindIdentity("alice");
    ASSERT_TRUE(alice.ok()) << alice.status();
    EXPECT_EQ(alice->password_hash.substr(0, 14), "scrypt$14$8$1$");
    EXPECT_FALSE(alice->is_ra);
    EXPECT_EQ(alice->labels, std::vector<std::string>{""});

    auto device = store_->FindIdentity("gw-17");
    ASSERT_TRUE(device.ok()) << device.status();
    auto record =
        store_->FindCertificate(FromHex("533d8f736bf9897c3006ad33d26d6fc74d"));
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->identity, "gw-17");
    EXPECT_EQ(record->label, "");
    EXPECT_FALSE(record->server_key);
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

TEST_F(SchemaTest, BringsAnOlderDatabaseUp) {
  EXPECT_EQ(Version(), 1);
  ExpectEverythingIsThere();
  // Nothing happens twice.
  const std::vector<std::string> shape = ShapeOf(path_);
  Reopen({});
  EXPECT_EQ(ShapeOf(path_), shape);
  EXPECT_EQ(store_->FindIdentity("alice")->labels,
            std::vector<std::string>{""});
}

TEST_F(SchemaTest, AnUpgradedDatabaseIsLikeANewOne) {
  Reopen({});
  const std::string fresh = path_ + ".fresh";
  ASSERT_TRUE(CreateStore({.path = fresh}).ok());
  EXPECT_EQ(ShapeOf(path_), ShapeOf(fresh));
  EXPECT_GT(ShapeOf(path_).size(), 40u);
}

TEST_F(SchemaTest, AnUpgradeThatFailsChangesNothing) {
  SetFailpointHandler(&FailAtCommit);
  EXPECT_FALSE(OpenStore({.path = path_}).ok());
  SetFailpointHandler(nullptr);
  EXPECT_EQ(Version(), 1);
  EXPECT_FALSE(HasTable("identity_labels"));
  ExpectEverythingIsThere();
}

// The process dies with the whole transaction written and not committed.
TEST_F(SchemaTest, AnUpgradeThatIsInterruptedChangesNothing) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        SetFailpointHandler(&EndAtCommit);
        OpenStore({.path = path_}).IgnoreError();
      },
      testing::ExitedWithCode(kKilled), "");
  ExpectEverythingIsThere();
}

// The server and a command of the operator, both new, at the same moment.
TEST_F(SchemaTest, TwoProcessesUpgradeOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      auto store = OpenStore({.path = path_});
      EXPECT_TRUE(store.ok()) << store.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectEverythingIsThere();
}

}  // namespace
}  // namespace bestow::server
