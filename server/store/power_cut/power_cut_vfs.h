// For tests: a layer below SQLite whose disk forgets what was not synced.
#ifndef SERVER_STORE_POWER_CUT_POWER_CUT_VFS_H_
#define SERVER_STORE_POWER_CUT_POWER_CUT_VFS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bestow::server {

struct PowerCutOptions {
  // What is written to a database or its log stays in this process's memory
  // until that file is synced, or closed by the last connection. So the end of
  // the process, however it comes, is a power cut.
  bool hold_unsynced = false;
  // Of the sectors that are held, so many in a hundred are on the disk at once
  // nevertheless: a kernel may write any of them at any time, in any order.
  int early_percent = 0;
  // Each sync takes so much longer.
  absl::Duration sync_delay = absl::ZeroDuration();
  // Every connection has PRAGMA synchronous=OFF, whatever it asks for: a build
  // that forgot to sync.
  bool without_sync = false;
};

// "hold,early=30,sync_ms=5,without_sync", each at most once, in any order.
// kInvalidArgument.
absl::StatusOr<PowerCutOptions> ParsePowerCutOptions(std::string_view text);

// From now on connections of this process are opened through it. Once, before
// any is. NOT held: the names in a folder (a file is there as soon as it is
// opened), and the shared memory of WAL mode, which the next process that opens
// the database makes again.
void InstallPowerCutVfs(const PowerCutOptions& options);

struct PowerCutCounts {
  int64_t log_syncs = 0;       // of a write-ahead log
  int64_t database_syncs = 0;  // of the database itself: checkpoints
  int64_t log_octets = 0;      // written to it
  int64_t reads = 0;           // of any file: one for each page
  int64_t held_writes = 0;
};
// Since InstallPowerCutVfs(). Thread-safe.
PowerCutCounts CountPowerCutVfs();

}  // namespace bestow::server

#endif  // SERVER_STORE_POWER_CUT_POWER_CUT_VFS_H_
