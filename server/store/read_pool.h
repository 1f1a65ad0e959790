// Connections to read with, lent to whichever thread reads.
#ifndef SERVER_STORE_READ_POOL_H_
#define SERVER_STORE_READ_POOL_H_

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/sql.h"

namespace bestow::server {

// Thread-safe. As many connections as threads that read at once.
class ReadPool {
 public:
  // `engine` must outlive it.
  explicit ReadPool(SqlEngine& engine) : engine_(engine) {}

  // Lends a connection to `use`, which may be called a second time when the
  // connection turns out to be lost. A database that can't be reached is
  // kUnavailable, and not asked again for a moment, so that no thread that
  // serves many waits each time.
  absl::Status Read(const std::function<absl::Status(SqlConnection&)>& use);

 private:
  std::unique_ptr<SqlConnection> TakeIdle();
  absl::StatusOr<std::unique_ptr<SqlConnection>> Connect();

  SqlEngine& engine_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<SqlConnection>> idle_;
  absl::Time next_attempt_ = absl::InfinitePast();
  absl::Status last_failure_;  // OK: the last attempt was well
  bool on_trial_ = false;      // somebody tries after a failure
};

}  // namespace bestow::server

#endif  // SERVER_STORE_READ_POOL_H_
