// bench_store FOLDER [RECORDS]: measures group commit on SQLite in FOLDER, as
// docs/BENCHMARKS.md has it. A report, not a test.
#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/store/bench/load.h"
#include "server/store/open_store.h"
#include "server/store/power_cut/power_cut_vfs.h"

namespace bestow::server {
namespace {

constexpr int kClients = 200;
constexpr int kLoneRecords = 1000;

double Micros(absl::Duration duration) {
  return absl::ToDoubleMicroseconds(duration);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::unique_ptr<Store> Open(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::remove(absl::StrCat(path, suffix).c_str());
  }
  CHECK_OK(CreateStore({.path = path}));
  auto store = OpenStore({.path = path});
  CHECK_OK(store.status());
  return *std::move(store);
}

// What SQLite alone takes to commit one row of that size.
double BareCommit(const std::string& path) {
  std::remove(path.c_str());
  sqlite3* db = nullptr;
  CHECK_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  const auto run = [&](const char* sql) {
    CHECK_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK);
  };
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA synchronous=FULL");
  run("CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)");
  std::vector<double> times;
  for (int i = 0; i < kLoneRecords; ++i) {
    const absl::Time start = absl::Now();
    run("INSERT INTO t (x) VALUES (randomblob(1000))");
    times.push_back(Micros(absl::Now() - start));
  }
  sqlite3_close(db);
  return Median(times);
}

double LoneClient(Load& load) {
  std::vector<double> times;
  for (int i = 0; i < kLoneRecords; ++i) {
    auto took = load.Run(/*clients=*/1, /*records=*/1);
    CHECK_OK(took.status());
    times.push_back(Micros(*took));
  }
  return Median(times);
}

void Growth(Store& store, Load& load, int64_t most) {
  int64_t there = 0;
  for (int64_t size = 1000; size <= most; size *= 10) {
    if (size > there) CHECK_OK(load.Run(kClients, size - there).status());
    // Of five rounds the best: others use the machine, too.
    const int64_t records = std::min<int64_t>(size, 5000);
    double best = 0;
    const int64_t syncs = CountPowerCutVfs().log_syncs;
    for (int round = 0; round < 5; ++round) {
      auto took = load.Run(kClients, records);
      CHECK_OK(took.status());
      const double each = Micros(*took) / static_cast<double>(records);
      if (round == 0 || each < best) best = each;
    }
    there = size + 5 * records;
    std::cout << "at " << size << " records: " << best
              << " us each, records per sync "
              << 5 * records /
                     std::max<int64_t>(1, CountPowerCutVfs().log_syncs - syncs)
              << std::endl;
  }
  std::cout << "commits in all: " << store.commit_count() << "\n";
}

int Main(const std::string& folder, int64_t most) {
  InstallPowerCutVfs({});  // counts
  const std::string path = folder + "/bench.db";
  std::unique_ptr<Store> store = Open(path);
  auto load = Load::Create(*store);
  CHECK_OK(load.status());
  const double bare = BareCommit(folder + "/bare.db");
  const double lone = LoneClient(*load);
  std::cout << "a bare commit: " << bare << " us (median of " << kLoneRecords
            << ")\na lone client: " << lone << " us, " << lone / bare
            << " of that\n";
  Growth(*store, *load, most);
  return 0;
}

}  // namespace
}  // namespace bestow::server

int main(int argc, char** argv) {
  int64_t most = 1'000'000;
  if (argc < 2 || argc > 3 ||
      (argc == 3 && !absl::SimpleAtoi(argv[2], &most))) {
    std::cerr << "bench_store FOLDER [RECORDS]\n";
    return 2;
  }
  return bestow::server::Main(argv[1], most);
}
