// bench_store FOLDER [RECORDS [ROUNDS]]: what a record costs on SQLite in
// FOLDER, in a store of a thousand and in one of RECORDS, as docs/BENCHMARKS.md
// has it. A report, not a test. Whatever is compared takes turns, for others
// use the machine too.
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/store/bench/fleet.h"
#include "server/store/bench/load.h"
#include "server/store/open_store.h"
#include "server/store/power_cut/power_cut_vfs.h"
#include "server/store/sqlite_connection.h"

namespace bestow::server {
namespace {

constexpr int kClients = 200;
constexpr int64_t kSmall = 1000;
constexpr int64_t kRecords = 2000;  // of one measurement
constexpr int64_t kLoneRecords = 200;
constexpr double kFrameOctets = 24 + 4096;  // a page in SQLite's log
// Of the bare commits that stand beside 200 clients; and the octets of a record
// and of its line in the audit log.
constexpr int kBareRows = 128;
constexpr int kRowOctets = 1300;

double Median(std::vector<double> values) {
  CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

absl::Duration CpuTime() {
  rusage usage;
  CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return absl::DurationFromTimeval(usage.ru_utime) +
         absl::DurationFromTimeval(usage.ru_stime);
}

// What was measured under one name, per record.
struct Figures {
  std::vector<double> wall_us, cpu_us, written, read, records_per_sync;
};

class Stopwatch {
 public:
  void AddTo(Figures& figures, int64_t records) const {
    const double count = static_cast<double>(records);
    const PowerCutCounts counts = CountPowerCutVfs();
    figures.wall_us.push_back(absl::ToDoubleMicroseconds(absl::Now() - start_) /
                              count);
    figures.cpu_us.push_back(absl::ToDoubleMicroseconds(CpuTime() - cpu_) /
                             count);
    figures.written.push_back(
        static_cast<double>(counts.log_octets - counts_.log_octets) /
        kFrameOctets / count);
    figures.read.push_back(static_cast<double>(counts.reads - counts_.reads) /
                           count);
    figures.records_per_sync.push_back(
        count / static_cast<double>(counts.log_syncs - counts_.log_syncs));
  }

 private:
  const absl::Time start_ = absl::Now();
  const absl::Duration cpu_ = CpuTime();
  const PowerCutCounts counts_ = CountPowerCutVfs();
};

void RemoveDatabase(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::remove(absl::StrCat(path, suffix).c_str());
  }
}

// A store, and the fleet that is in it.
class Site {
 public:
  Site(std::string path, int64_t records) : path_(std::move(path)) {
    RemoveDatabase(path_);
    CHECK_OK(CreateStore({.path = path_}));
    auto connection =
        SqliteConnection::Open(path_, SqliteConnection::Mode::kReadWrite);
    CHECK_OK(connection.status());
    CHECK_OK((*connection)->Execute("PRAGMA synchronous=OFF"));
    CHECK_OK(fleet_.Issue(**connection, records));
    CHECK_OK((*connection)->Execute("PRAGMA wal_checkpoint(TRUNCATE)"));
    auto store = OpenStore({.path = path_});
    CHECK_OK(store.status());
    store_ = *std::move(store);
  }
  ~Site() {
    store_.reset();
    RemoveDatabase(path_);
  }

  void Measure(bool renewals, int clients, int64_t records, Figures& figures) {
    if (!renewals) {
      auto connection =
          SqliteConnection::Open(path_, SqliteConnection::Mode::kReadWrite);
      CHECK_OK(connection.status());
      CHECK_OK(InWriteTransaction(**connection, [&] {
        return fleet_.AddDevices(**connection, records);
      }));
    }
    const Stopwatch stopwatch;
    CHECK_OK(RunLoad(
                 *store_,
                 [&] { return renewals ? fleet_.Renew() : fleet_.Enroll(); },
                 clients, records)
                 .status());
    stopwatch.AddTo(figures, records);
  }

 private:
  const std::string path_;
  Fleet fleet_;
  std::unique_ptr<Store> store_;
};

// SQLite alone: rows of that size in a table without an index.
class Bare {
 public:
  explicit Bare(std::string path) : path_(std::move(path)) {
    RemoveDatabase(path_);
    CHECK_EQ(sqlite3_open(path_.c_str(), &db_), SQLITE_OK);
    Run("PRAGMA journal_mode=WAL");
    Run("PRAGMA synchronous=FULL");
    Run("CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)");
  }
  ~Bare() {
    sqlite3_close(db_);
    RemoveDatabase(path_);
  }
  void Measure(int rows_per_commit, int64_t records, Figures& figures) {
    const std::string insert =
        absl::StrCat("INSERT INTO t (x) VALUES (randomblob(", kRowOctets, "))");
    const Stopwatch stopwatch;
    for (int64_t done = 0; done < records; done += rows_per_commit) {
      Run("BEGIN IMMEDIATE");
      for (int i = 0; i < rows_per_commit; ++i) Run(insert);
      Run("COMMIT");
    }
    stopwatch.AddTo(figures, records);
  }

 private:
  void Run(const std::string& sql) {
    CHECK_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr),
             SQLITE_OK);
  }
  const std::string path_;
  sqlite3* db_ = nullptr;
};

void Print(const std::map<std::string, Figures>& all) {
  std::cout << std::left << std::setw(44) << "medians, per record" << std::right
            << std::setw(10) << "us" << std::setw(10) << "least"
            << std::setw(10) << "cpu us" << std::setw(10) << "least"
            << std::setw(10) << "written" << std::setw(10) << "read"
            << std::setw(10) << "/sync"
            << "\n"
            << std::fixed;
  for (const auto& [name, figures] : all) {
    const auto least = [](const std::vector<double>& values) {
      return *std::min_element(values.begin(), values.end());
    };
    std::cout << std::left << std::setw(44) << name << std::right
              << std::setprecision(1) << std::setw(10)
              << Median(figures.wall_us) << std::setw(10)
              << least(figures.wall_us) << std::setw(10)
              << Median(figures.cpu_us) << std::setw(10)
              << least(figures.cpu_us) << std::setprecision(3) << std::setw(10)
              << Median(figures.written) << std::setw(10)
              << Median(figures.read) << std::setprecision(1) << std::setw(10)
              << Median(figures.records_per_sync) << "\n";
  }
}

int Main(const std::string& folder, int64_t records, int rounds) {
  InstallPowerCutVfs({});  // counts
  std::map<std::string, Figures> all;
  Site large(folder + "/large.db", records);
  sync();
  Bare bare(folder + "/bare.db");
  for (int round = 0; round < rounds; ++round) {
    Site small(folder + "/small.db", kSmall);
    bare.Measure(kBareRows, kRecords, all["SQLite alone, 128 rows a commit"]);
    for (bool renewals : {false, true}) {
      for (int turn = 0; turn < 2; ++turn) {
        const bool is_large = (turn + round) % 2 == 1;
        (is_large ? large : small)
            .Measure(renewals, kClients, kRecords,
                     all[absl::StrCat("200 clients, ",
                                      renewals ? "renewals" : "enrollments",
                                      ", at ", is_large ? records : kSmall)]);
      }
    }
    for (int turn = 0; turn < 4; ++turn) {
      bare.Measure(1, kLoneRecords / 4, all["SQLite alone, a row a commit"]);
      small.Measure(true, 1, kLoneRecords / 4,
                    all[absl::StrCat("a lone client's renewals, at ", kSmall)]);
      large.Measure(
          true, 1, kLoneRecords / 4,
          all[absl::StrCat("a lone client's renewals, at ", records)]);
    }
  }
  Print(all);
  return 0;
}

}  // namespace
}  // namespace bestow::server

int main(int argc, char** argv) {
  int64_t records = 1'000'000;
  int rounds = 15;
  if (argc < 2 || argc > 4 ||
      (argc > 2 && !absl::SimpleAtoi(argv[2], &records)) ||
      (argc > 3 && !absl::SimpleAtoi(argv[3], &rounds))) {
    std::cerr << "bench_store FOLDER [RECORDS [ROUNDS]]\n";
    return 2;
  }
  return bestow::server::Main(argv[1], records, rounds);
}
