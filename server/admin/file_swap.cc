#include "server/admin/file_swap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "server/admin/state_files.h"

namespace bestow::server {
namespace {

std::string SwapFolder(const std::string& folder) { return folder + "/.swap"; }
std::string Gathering(const std::string& folder) {
  return folder + "/.swap.new";
}

absl::Status Error(std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("can't ", what, " ", path));
}

absl::Status Gather(const std::string& folder,
                    const std::vector<SwapFile>& files) {
  const std::string gathering = Gathering(folder);
  absl::Status status = MakeDirectory(gathering, kFolderMode);
  for (const SwapFile& file : files) {
    if (!status.ok()) return status;
    const std::string to = absl::StrCat(gathering, "/", file.name);
    if (file.source.empty()) {
      status = CreateFileDurably(to, ByteView(), kPublicMode);
    } else if (Failpoint("swap.link")) {
      status = absl::InternalError("failpoint swap.link");
    } else if (link(file.source.c_str(), to.c_str()) != 0) {
      status = Error("link", file.source);
    }
  }
  if (status.ok()) status = SyncDirectory(gathering);
  return status;
}

absl::Status MoveOut(const std::string& folder, const std::string& name) {
  const std::string from = absl::StrCat(SwapFolder(folder), "/", name);
  const std::string to = absl::StrCat(folder, "/", name);
  if (Failpoint("swap.move")) {
    return absl::InternalError("failpoint swap.move");
  }
  struct stat st;
  if (lstat(from.c_str(), &st) != 0) return Error("look at", from);
  if (st.st_size > 0) {
    if (rename(from.c_str(), to.c_str()) != 0) return Error("move", from);
    // Of two names of one file, rename() leaves both (POSIX).
    if (unlink(from.c_str()) != 0 && errno != ENOENT) {
      return Error("remove", from);
    }
    return absl::OkStatus();
  }
  // Its mark goes after it, or the old file would be back.
  if (unlink(to.c_str()) != 0 && errno != ENOENT) return Error("remove", to);
  absl::Status status = SyncDirectory(folder);
  if (!status.ok()) return status;
  return unlink(from.c_str()) == 0 ? absl::OkStatus() : Error("remove", from);
}

}  // namespace

absl::StatusOr<FolderLock> FolderLock::Take(const std::string& folder,
                                            bool exclusive) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Error("open the folder", folder);
  FolderLock lock(fd);
  while (flock(fd, exclusive ? LOCK_EX : LOCK_SH) != 0) {
    if (errno != EINTR) return Error("lock", folder);
  }
  return lock;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) close(fd_);
}

std::string SwapPath(const std::string& folder, const std::string& name) {
  const std::string swapped = absl::StrCat(SwapFolder(folder), "/", name);
  return PathExists(swapped) ? swapped : absl::StrCat(folder, "/", name);
}

absl::Status SwapFiles(const std::string& folder,
                       const std::vector<SwapFile>& files, bool* committed) {
  *committed = false;
  absl::Status status = FinishSwap(folder);
  if (status.ok()) status = Gather(folder, files);
  if (status.ok() && Failpoint("swap.commit")) {
    status = absl::InternalError("failpoint swap.commit");
  }
  if (status.ok() &&
      rename(Gathering(folder).c_str(), SwapFolder(folder).c_str()) != 0) {
    status = Error("move", Gathering(folder));
  }
  if (!status.ok()) {
    // What is left is removed by the next one; now if that can be.
    RemovePath(Gathering(folder)).IgnoreError();
    return status;
  }
  *committed = true;
  status = SyncDirectory(folder);
  if (!status.ok()) return status;
  return FinishSwap(folder);
}

absl::Status FinishSwap(const std::string& folder) {
  absl::Status status = RemovePath(Gathering(folder));
  const std::string swap = SwapFolder(folder);
  if (!status.ok() || !PathExists(swap)) return status;
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(swap, error), end;
       !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) {
    return absl::InternalError(
        absl::StrCat("can't read ", swap, ": ", error.message()));
  }
  for (const std::string& name : names) {
    status = MoveOut(folder, name);
    if (!status.ok()) return status;
  }
  status = SyncDirectory(folder);
  if (!status.ok()) return status;
  if (rmdir(swap.c_str()) != 0) return Error("remove", swap);
  return SyncDirectory(folder);
}

}  // namespace bestow::server
