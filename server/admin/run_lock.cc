#include "server/admin/run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace bestow::server {

absl::StatusOr<RunLock> RunLock::Take(const StatePaths& paths) {
  const std::string path = absl::StrCat(paths.folder, "/", kRunLockName);
  const int fd =
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't open ", path));
  }
  RunLock lock(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(absl::StrCat(
        paths.folder, ": another server runs on this state folder"));
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("can't lock ", path));
}

RunLock::~RunLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace bestow::server
