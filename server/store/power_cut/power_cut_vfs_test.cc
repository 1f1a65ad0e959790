#include "server/store/power_cut/power_cut_vfs.h"

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

int Exec(sqlite3* db, const std::string& sql) {
  return sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
}

int64_t Number(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) != SQLITE_OK) {
    return -1;
  }
  const int64_t number = sqlite3_step(statement) == SQLITE_ROW
                             ? sqlite3_column_int64(statement, 0)
                             : -2;
  sqlite3_finalize(statement);
  return number;
}

bool Check(sqlite3* db) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, nullptr);
  const bool good = sqlite3_step(statement) == SQLITE_ROW &&
                    std::string_view(reinterpret_cast<const char*>(
                        sqlite3_column_text(statement, 0))) == "ok";
  sqlite3_finalize(statement);
  return good;
}

class PowerCutVfsTest : public testing::Test {
 protected:
  // A process with the layer, which ends without a word.
  void RunUntilPowerCut(const PowerCutOptions& options,
                        const std::function<bool(sqlite3*)>& use) {
    const pid_t child = fork();
    if (child == 0) {
      InstallPowerCutVfs(options);
      sqlite3* db = nullptr;
      const bool good =
          sqlite3_open(path_.c_str(), &db) == SQLITE_OK && use(db);
      _exit(good ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }

  // As the next process finds it.
  int64_t Rows(int64_t* total = nullptr) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_TRUE(Check(db));
    const int64_t rows = Number(db, "SELECT count(*) FROM t");
    if (total != nullptr) *total = Number(db, "SELECT sum(x) FROM t");
    sqlite3_close(db);
    return rows;
  }

  void MakeTable() {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    ASSERT_EQ(
        Exec(db, "PRAGMA journal_mode=WAL; CREATE TABLE t (x INTEGER, y BLOB)"),
        SQLITE_OK);
    sqlite3_close(db);
  }

  static bool Insert(sqlite3* db, int from, int to) {
    for (int i = from; i <= to; ++i) {
      if (Exec(db, absl::StrCat("INSERT INTO t VALUES (", i,
                                ", randomblob(3000))")) != SQLITE_OK) {
        return false;
      }
    }
    return true;
  }

  static std::string NewPath() {
    std::string folder = testing::TempDir() + "/power_cut.XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    return folder + "/t.db";
  }
  const std::string path_ = NewPath();
};

TEST_F(PowerCutVfsTest, KeepsWhatWasSynced) {
  MakeTable();
  RunUntilPowerCut({.hold_unsynced = true}, [](sqlite3* db) {
    return Exec(db, "PRAGMA synchronous=FULL") == SQLITE_OK &&
           Insert(db, 1, 20);
  });
  int64_t total = 0;
  EXPECT_EQ(Rows(&total), 20);
  EXPECT_EQ(total, 210);
}

TEST_F(PowerCutVfsTest, DropsWhatWasNotSynced) {
  MakeTable();
  RunUntilPowerCut({.hold_unsynced = true}, [](sqlite3* db) {
    return Exec(db, "PRAGMA synchronous=FULL") == SQLITE_OK &&
           Insert(db, 1, 5) &&
           Exec(db, "PRAGMA synchronous=OFF") == SQLITE_OK &&
           Insert(db, 6, 20) && Number(db, "SELECT count(*) FROM t") == 20;
  });
  EXPECT_EQ(Rows(), 5);
}

// NORMAL syncs a write-ahead log before a checkpoint only: whole, but behind.
TEST_F(PowerCutVfsTest, TellsNormalFromFull) {
  MakeTable();
  RunUntilPowerCut({.hold_unsynced = true}, [](sqlite3* db) {
    return Exec(db, "PRAGMA synchronous=NORMAL") == SQLITE_OK &&
           Insert(db, 1, 20);
  });
  EXPECT_EQ(Rows(), 0);
}

TEST_F(PowerCutVfsTest, TakesSyncAwayWhateverIsAskedFor) {
  MakeTable();
  RunUntilPowerCut(
      {.hold_unsynced = true, .without_sync = true}, [](sqlite3* db) {
        return Exec(db, "PRAGMA synchronous=FULL") == SQLITE_OK &&
               Number(db, "PRAGMA synchronous") == 0 && Insert(db, 1, 20);
      });
  EXPECT_EQ(Rows(), 0);
}

// Checkpoints in between, some sectors early: the log must still lead.
TEST_F(PowerCutVfsTest, KeepsWhatWasSyncedWhenSomeSectorsWentEarly) {
  MakeTable();
  RunUntilPowerCut(
      {.hold_unsynced = true, .early_percent = 40}, [](sqlite3* db) {
        return Exec(db,
                    "PRAGMA synchronous=FULL;"
                    "PRAGMA wal_autocheckpoint=7") == SQLITE_OK &&
               Insert(db, 1, 100) && Exec(db, "BEGIN") == SQLITE_OK &&
               Insert(db, 101, 200);
      });
  int64_t total = 0;
  EXPECT_EQ(Rows(&total), 100);
  EXPECT_EQ(total, 5050);
}

TEST_F(PowerCutVfsTest, AFileThatIsClosedIsWholeForTheNext) {
  MakeTable();
  RunUntilPowerCut({.hold_unsynced = true, .without_sync = true},
                   [](sqlite3* db) {
                     return Insert(db, 1, 20) && sqlite3_close(db) == SQLITE_OK;
                   });
  EXPECT_EQ(Rows(), 20);
}

TEST_F(PowerCutVfsTest, ConnectionsOfOneProcessSeeTheSame) {
  MakeTable();
  RunUntilPowerCut({.hold_unsynced = true, .without_sync = true},
                   [this](sqlite3* db) {
                     sqlite3* other = nullptr;
                     return Insert(db, 1, 20) &&
                            sqlite3_open(path_.c_str(), &other) == SQLITE_OK &&
                            Number(other, "SELECT count(*) FROM t") == 20;
                   });
  EXPECT_EQ(Rows(), 0);
}

TEST_F(PowerCutVfsTest, CountsSyncs) {
  MakeTable();
  RunUntilPowerCut({}, [](sqlite3* db) {
    // The first commit syncs the log's header too.
    if (Exec(db, "PRAGMA synchronous=FULL") != SQLITE_OK || !Insert(db, 0, 0)) {
      return false;
    }
    const int64_t before = CountPowerCutVfs().log_syncs;
    return Insert(db, 1, 10) && CountPowerCutVfs().log_syncs - before == 10 &&
           CountPowerCutVfs().held_writes == 0;
  });
  EXPECT_EQ(Rows(), 11);
}

TEST(ParsePowerCutOptionsTest, TakesItsWordsOnly) {
  auto options = ParsePowerCutOptions("early=30,hold,sync_ms=5");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->hold_unsynced);
  EXPECT_EQ(options->early_percent, 30);
  EXPECT_EQ(options->sync_delay, absl::Milliseconds(5));
  EXPECT_FALSE(options->without_sync);
  EXPECT_TRUE(ParsePowerCutOptions("without_sync")->without_sync);
  for (const char* bad : {"", "hold,", "early=101", "early=-1",
                          "early=", "sync_ms=x", "hold=1", "holds"}) {
    EXPECT_FALSE(ParsePowerCutOptions(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace bestow::server
