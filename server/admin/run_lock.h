// One `bestow-server run` on a state folder.
#ifndef SERVER_ADMIN_RUN_LOCK_H_
#define SERVER_ADMIN_RUN_LOCK_H_

#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "server/admin/state_folder.h"

namespace bestow::server {

// Of the file below the state folder; it stays there, empty.
inline constexpr std::string_view kRunLockName = ".running";

// Held until it is destroyed, or the process ends however.
class RunLock {
 public:
  // Does not wait. kFailedPrecondition: another server runs on the folder.
  static absl::StatusOr<RunLock> Take(const StatePaths& paths);
  RunLock(RunLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

 private:
  explicit RunLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace bestow::server

#endif  // SERVER_ADMIN_RUN_LOCK_H_
