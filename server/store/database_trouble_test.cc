// What a broken, full or busy database says, and that nothing is half done.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "common/base/failpoint.h"
#include "gtest/gtest.h"
#include "server/store/postgres_status.h"
#include "server/store/sqlite_connection.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

class SqliteTroubleTest : public EngineFixture {
 protected:
  Engine engine() const override { return Engine::kSqlite; }
};

TEST_F(SqliteTroubleTest, AFullDatabaseLosesNothingAndGoesOn) {
  auto connection =
      SqliteConnection::Open(options_.path, SqliteConnection::Mode::kReadWrite);
  ASSERT_TRUE(connection.ok());
  ASSERT_TRUE((*connection)->Execute("CREATE TABLE filler (x BLOB)").ok());
  ASSERT_TRUE((*connection)->Execute("PRAGMA max_page_count = 1").ok());
  absl::Status full;
  for (int i = 0; i < 100 && full.ok(); ++i) {
    full = (*connection)
               ->Execute("INSERT INTO filler VALUES (randomblob(100000))");
  }
  EXPECT_TRUE(absl::IsUnavailable(full)) << full;
  EXPECT_TRUE(absl::StrContains(full.message(), "make room on the disk"));
  EXPECT_FALSE((*connection)->in_transaction());
  EXPECT_TRUE((*connection)->Execute("PRAGMA max_page_count = 100000").ok());
  EXPECT_TRUE((*connection)
                  ->Execute("INSERT INTO filler VALUES (randomblob(100000))")
                  .ok());
}

TEST_F(SqliteTroubleTest, ALockedDatabaseSaysSo) {
  const int64_t id = MakeIdentity("a");
  const auto other = Connect();
  ASSERT_TRUE(other->BeginWriting().ok());
  const absl::Status locked = Issue(MakeIssuance(id, "s1", "k")).status();
  EXPECT_TRUE(absl::IsUnavailable(locked)) << locked;
  EXPECT_TRUE(absl::StrContains(locked.message(), "another program"));
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  EXPECT_TRUE(Issue(MakeIssuance(id, "s1", "k")).ok());
}

TEST_F(SqliteTroubleTest, ACorruptDatabaseSaysWhatToDo) {
  const int64_t id = MakeIdentity("a");
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(Issue(MakeIssuance(id, absl::StrCat("s", i), "k")).ok());
  }
  store_.reset();  // and all that is in the log goes to the file
  struct stat info;
  ASSERT_EQ(stat(options_.path.c_str(), &info), 0);
  FILE* file = fopen(options_.path.c_str(), "r+");
  ASSERT_NE(file, nullptr);
  // All but the first page, which holds the schema.
  fseek(file, 4096, SEEK_SET);
  const std::string noise(static_cast<size_t>(info.st_size) - 4096, '\x5a');
  fwrite(noise.data(), 1, noise.size(), file);
  fclose(file);
  absl::StatusOr<std::unique_ptr<Store>> store = OpenStore(options_);
  const absl::Status corrupt =
      store.ok() ? (*store)->FindIdentity("a").status() : store.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(corrupt)) << corrupt;
  EXPECT_TRUE(absl::StrContains(corrupt.message(), "restore")) << corrupt;
}

TEST_F(SqliteTroubleTest, AMissingOrForeignFileSaysWhatToDo) {
  StoreOptions options;
  options.path = options_.path + ".none";
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenStore(options).status()));
  options.path = options_.path + ".text";
  FILE* file = fopen(options.path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fputs("this is not a database, and long enough to be looked at", file);
  fclose(file);
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenStore(options).status()));
}

class PostgresHostsTest : public EngineFixture {
 protected:
  Engine engine() const override { return Engine::kPostgresql; }
};

TEST_F(PostgresHostsTest, TheSecondIsReachedWhenTheFirstIsSilent) {
  // Takes connections, and says nothing.
  char folder[] = "/tmp/bestow-silent-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = absl::StrCat(folder, "/.s.PGSQL.5432");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
            0);
  ASSERT_EQ(listen(fd, 8), 0);
  const size_t at = options_.connection.find("host=");
  ASSERT_NE(at, std::string::npos) << options_.connection;
  StoreOptions two = options_;
  two.connection.insert(at + 5, absl::StrCat(folder, ","));
  auto store = OpenStore(two);
  EXPECT_TRUE(store.ok()) << store.status();
  StoreOptions silent = options_;
  silent.connection = absl::StrCat("dbname=bestow user=bestow host=", folder,
                                   ",", folder, "/none");
  EXPECT_TRUE(absl::IsUnavailable(OpenStore(silent).status()))
      << OpenStore(silent).status();
  store = absl::UnknownError("");
  close(fd);
  unlink(path.c_str());
  rmdir(folder);
}

// What the other test programs of this server's database do not see.
class PostgresTroubleTest : public EngineFixture {
 protected:
  Engine engine() const override { return Engine::kPostgresql; }
  void TearDown() override {
    SetFailpointHandler(nullptr);
    EngineFixture::TearDown();
  }

  // As the superuser, on another connection.
  void Execute(const std::string& sql) {
    const absl::Status status = Connect()->Execute(sql);
    ASSERT_TRUE(status.ok()) << status;
  }
  int64_t SelectNumber(const std::string& sql) {
    const auto connection = Connect();
    auto query = connection->Prepare(sql);
    EXPECT_TRUE(query.ok()) << query.status();
    const absl::Status status = query->ExpectRow("number");
    return status.ok() ? query->Int(0) : 0;
  }
  // One that a secret authenticated.
  Issuance MakeSecretOnes(const std::string& serial, const std::string& key) {
    Issuance issuance = MakeIssuance(id_, serial, key);
    issuance.secret_id = secret_.id;
    return issuance;
  }
  void MakeHolder() {
    id_ = MakeIdentity("a");
    secret_ = MakeSecret("a", "h");
  }
  // Nothing was done, and the secret serves whichever key comes next.
  void ExpectNothingDoneAndGoesOn() {
    EXPECT_EQ(CertificateCount(), 0u);
    const auto issued = Issue(MakeSecretOnes("s2", "k2"));
    ASSERT_TRUE(issued.ok()) << issued.status();
    EXPECT_FALSE(issued->repeated);
    EXPECT_TRUE(
        absl::IsPermissionDenied(Issue(MakeSecretOnes("s3", "k3")).status()));
  }

  // Ends every connection of every store to its database.
  static constexpr char kEndConnections[] =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
      " WHERE datname = current_database() AND pid <> pg_backend_pid()";

  int64_t id_ = 0;
  SecretRecord secret_;
};

// The database answers what it does when a table can't grow (SQLSTATE 53100);
// a disk that is full indeed is full_disk_test.py's.
TEST_F(PostgresTroubleTest, AFullDatabaseLosesNothingAndGoesOn) {
  MakeHolder();
  Execute(
      "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$"
      "BEGIN RAISE EXCEPTION 'could not extend file: No space left on device'"
      " USING ERRCODE = 'disk_full'; END $$;"
      "CREATE TRIGGER full_disk BEFORE INSERT ON certificates"
      " EXECUTE FUNCTION full_disk()");
  const absl::Status full = Issue(MakeSecretOnes("s1", "k1")).status();
  EXPECT_TRUE(absl::IsUnavailable(full)) << full;
  EXPECT_TRUE(absl::StrContains(full.message(), "make room on")) << full;
  Execute("DROP TRIGGER full_disk ON certificates");
  ExpectNothingDoneAndGoesOn();
}

// Another program holds the writers' lock. The database gives up by the time
// limit that it is given, or as here when its operator says so: in one way.
TEST_F(PostgresTroubleTest, ALockedDatabaseSaysSo) {
  MakeHolder();
  const auto other = Connect();
  ASSERT_TRUE(other->BeginWriting().ok());
  std::promise<absl::Status> promise;
  store_->Issue(MakeSecretOnes("s1", "k1"), [&](absl::StatusOr<Issued> result) {
    promise.set_value(result.status());
  });
  while (SelectNumber("SELECT count(pg_cancel_backend(pid))"
                      " FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                      " AND datname = current_database()") == 0) {
    std::this_thread::yield();
  }
  const absl::Status locked = promise.get_future().get();
  EXPECT_TRUE(absl::IsUnavailable(locked)) << locked;
  EXPECT_TRUE(absl::StrContains(locked.message(), "too slow")) << locked;
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  ExpectNothingDoneAndGoesOn();
}

TEST_F(PostgresTroubleTest, AConnectionLostBeforeTheCommitHasDoneNothing) {
  MakeHolder();
  static std::function<void()> cut;
  cut = [this] { Execute(kEndConnections); };
  SetFailpointHandler([](std::string_view name) {
    if (name == "store.before_commit") std::exchange(cut, [] {})();
    return false;
  });
  const absl::Status lost = Issue(MakeSecretOnes("s1", "k1")).status();
  EXPECT_TRUE(absl::IsUnavailable(lost)) << lost;
  ExpectNothingDoneAndGoesOn();
}

// Nobody knows what became of it then: the record is there, and who asks again
// with the key gets what was recorded.
TEST_F(PostgresTroubleTest, AConnectionLostAfterTheCommitKeepsTheRecord) {
  MakeHolder();
  const auto issued = Issue(MakeSecretOnes("s1", "k1"));
  ASSERT_TRUE(issued.ok()) << issued.status();
  Execute(kEndConnections);
  // The writer finds out by the next one.
  absl::StatusOr<Issued> again = Issue(MakeSecretOnes("s2", "k1"));
  while (absl::IsUnavailable(again.status())) {
    again = Issue(MakeSecretOnes("s2", "k1"));
  }
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->certificate, issued->certificate);
  EXPECT_EQ(CertificateCount(), 1u);
}

// A page on the disk is not what PostgreSQL wrote.
TEST(DamagedPostgresTest, SaysWhatToDo) {
  auto server = PostgresServer::Start();
  ASSERT_TRUE(server.ok()) << server.status();
  StoreOptions options;
  options.engine = Engine::kPostgresql;
  options.connection = *(*server)->CreateDatabase();
  std::string file;
  {
    auto store = OpenStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->AddIdentity("a", {}, absl::UnixEpoch()).ok());
    const auto connection = PostgresEngine({options.connection, ""})
                                .Connect(SqlEngine::Access::kWrite);
    ASSERT_TRUE(connection.ok()) << connection.status();
    auto query = (*connection)
                     ->Prepare(
                         "SELECT current_setting('data_directory') ||"
                         " '/' || pg_relation_filepath('identities')");
    ASSERT_TRUE(query.ok() && query->ExpectRow("file").ok());
    file = query->Text(0);
  }
  // What it holds is on the disk, and in no memory.
  ASSERT_TRUE((*server)->Execute("postgres", "CHECKPOINT").ok());
  ASSERT_TRUE((*server)->Kill().ok());
  FILE* const table = fopen(file.c_str(), "r+");
  ASSERT_NE(table, nullptr) << file;
  const std::string noise(8192, '\x5a');
  EXPECT_EQ(fwrite(noise.data(), 1, noise.size(), table), noise.size());
  fclose(table);
  ASSERT_TRUE((*server)->StartAgain().ok());
  auto store = OpenStore(options);
  const absl::Status corrupt =
      store.ok() ? (*store)->FindIdentity("a").status() : store.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(corrupt)) << corrupt;
  EXPECT_TRUE(absl::StrContains(corrupt.message(), "restore")) << corrupt;
}

TEST(PostgresStatusTest, EachErrorHasItsStatusAndWhatToDo) {
  const struct {
    const char* state;
    absl::StatusCode code;
    bool ends;
    const char* advice;
  } kCases[] = {
      {"23505", absl::StatusCode::kAlreadyExists, false, ""},
      {"53100", absl::StatusCode::kUnavailable, false, "make room"},
      {"53300", absl::StatusCode::kUnavailable, true, "max_connections"},
      {"57P01", absl::StatusCode::kUnavailable, true, "goes on by itself"},
      {"57P03", absl::StatusCode::kUnavailable, true, "goes on by itself"},
      {"57014", absl::StatusCode::kUnavailable, false, "too slow"},
      {"08006", absl::StatusCode::kUnavailable, true, ""},
      {"40P01", absl::StatusCode::kUnavailable, false, ""},
      {"25006", absl::StatusCode::kFailedPrecondition, true, "standby"},
      {"28P01", absl::StatusCode::kFailedPrecondition, true, "pg_hba.conf"},
      {"3D000", absl::StatusCode::kFailedPrecondition, true, "createdb"},
      {"42501", absl::StatusCode::kFailedPrecondition, false, "own"},
      {"XX001", absl::StatusCode::kFailedPrecondition, false, "restore"},
      {"42601", absl::StatusCode::kInternal, false, "42601"},
  };
  for (const auto& expected : kCases) {
    const PostgresFailure failure =
        JudgePostgresError(expected.state, "it says\nso");
    EXPECT_EQ(failure.status.code(), expected.code) << expected.state;
    EXPECT_EQ(failure.ends_connection, expected.ends) << expected.state;
    EXPECT_TRUE(absl::StrContains(failure.status.message(), "it says so"));
    EXPECT_TRUE(absl::StrContains(failure.status.message(), expected.advice))
        << failure.status;
  }
  EXPECT_EQ(JudgePostgresError(nullptr, nullptr).status.code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace bestow::server
