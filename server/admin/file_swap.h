// Several files of one folder that change as one: a key and its certificate.
#ifndef SERVER_ADMIN_FILE_SWAP_H_
#define SERVER_ADMIN_FILE_SWAP_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bestow::server {

// The new files are gathered in FOLDER/.swap.new, whose rename to FOLDER/.swap
// is the moment of the change; then each moves to its name. Whoever reads by
// SwapPath() finds all of the old or all of the new, after a crash at any step
// too. Those who read FOLDER/NAME itself may find the old for as long as the
// moves could not be made (a crash, a full disk).

// Waits for others; gives the lock up when it goes. Between processes and
// between threads (flock on the folder).
class FolderLock {
 public:
  // `exclusive`: to change; else to read several files that belong together.
  // Errors name the folder; kNotFound when it is not there.
  static absl::StatusOr<FolderLock> Take(const std::string& folder,
                                         bool exclusive);
  FolderLock(FolderLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

// Where the file called `name` is now: FOLDER/NAME unless a swap has not moved
// it yet. An empty file there is one that the swap removes.
std::string SwapPath(const std::string& folder, const std::string& name);

struct SwapFile {
  std::string name;
  // A file on the same file system, durable already, which gets one name more;
  // "": `name` is removed.
  std::string source;
};

// Under the exclusive lock. Begins by FinishSwap(). When it fails nothing has
// changed, unless it is in FinishSwap() at the end: `committed` tells.
absl::Status SwapFiles(const std::string& folder,
                       const std::vector<SwapFile>& files, bool* committed);

// Under the exclusive lock. Moves what a swap that broke off has not moved;
// removes what was gathered for one that never happened.
absl::Status FinishSwap(const std::string& folder);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_FILE_SWAP_H_
