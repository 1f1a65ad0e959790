#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"

namespace bestow {
namespace {

// The descriptor closes with its owner.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status Error(std::string_view what, std::string_view path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("can't ", what, " ", path));
}

std::string ParentOf(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status WriteTemporary(const std::string& temporary, ByteView content,
                            mode_t mode) {
  Fd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
             S_IRUSR | S_IWUSR));
  if (fd.get() < 0) return Error("create", temporary);
  while (!content.empty()) {
    if (Failpoint("file.write")) {
      errno = ENOSPC;
      return Error("write", temporary);
    }
    ssize_t n = write(fd.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error("write", temporary);
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (fchmod(fd.get(), mode) != 0) return Error("set the mode of", temporary);
  if (Failpoint("file.fsync")) {
    errno = EIO;
    return Error("fsync", temporary);
  }
  if (fsync(fd.get()) != 0) return Error("fsync", temporary);
  return absl::OkStatus();
}

// `publish` moves the temporary to its name: rename or link.
template <typename Publish>
absl::Status Write(const std::string& path, ByteView content, mode_t mode,
                   Publish publish) {
  // Threads may write the same path at once.
  static std::atomic<uint64_t> counter{0};
  const std::string temporary =
      absl::StrCat(path, ".tmp.", getpid(), ".", counter++);
  unlink(temporary.c_str());
  absl::Status status = WriteTemporary(temporary, content, mode);
  if (status.ok() && Failpoint("file.rename")) {
    errno = EIO;
    status = Error("rename to", path);
  }
  if (status.ok()) status = publish(temporary);
  unlink(temporary.c_str());
  if (!status.ok()) return status;
  return SyncDirectory(ParentOf(path));
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     size_t max_bytes) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return Error("open", path);
  std::string content;
  char buffer[16384];
  for (;;) {
    ssize_t n = read(fd.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error("read", path);
    if (n == 0) return content;
    if (content.size() + static_cast<size_t>(n) > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, " is longer than ", max_bytes, " bytes"));
    }
    content.append(buffer, static_cast<size_t>(n));
  }
}

absl::Status WriteFileAtomically(const std::string& path, ByteView content,
                                 mode_t mode) {
  return Write(path, content, mode, [&](const std::string& temporary) {
    if (rename(temporary.c_str(), path.c_str()) != 0) {
      return Error("rename to", path);
    }
    return absl::OkStatus();
  });
}

absl::Status CreateFileDurably(const std::string& path, ByteView content,
                               mode_t mode) {
  return Write(path, content, mode, [&](const std::string& temporary) {
    if (link(temporary.c_str(), path.c_str()) != 0) {
      return Error("create", path);
    }
    return absl::OkStatus();
  });
}

absl::Status MakeDirectory(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0) {
    if (chmod(path.c_str(), mode) != 0) return Error("set the mode of", path);
    return SyncDirectory(ParentOf(path));
  }
  if (errno != EEXIST) return Error("make the folder", path);
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return Error("look at", path);
  if (!S_ISDIR(st.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is there and is not a folder"));
  }
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
  if (Failpoint("file.fsync_directory")) {
    errno = EIO;
    return Error("fsync", path);
  }
  Fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return Error("open the folder", path);
  if (fsync(fd.get()) != 0) return Error("fsync", path);
  return absl::OkStatus();
}

}  // namespace bestow
