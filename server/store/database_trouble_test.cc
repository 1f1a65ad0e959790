// What a broken, full or busy database says, and that nothing is half done.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
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
