#include "server/backup/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"

namespace bestow::server {
namespace {

constexpr mode_t kMode = 0600;

absl::Status ErrnoStatus(const char* act, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("can't ", act, " ", path));
}

class FileSink : public ByteSink {
 public:
  FileSink(std::string path, std::string partial, int fd)
      : path_(std::move(path)), partial_(std::move(partial)), fd_(fd) {}
  ~FileSink() override {
    if (!finished_) unlink(partial_.c_str());
    if (fd_ >= 0) close(fd_);
  }

  absl::Status Write(ByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return ErrnoStatus("write", partial_);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (fsync(fd_) != 0) return ErrnoStatus("sync", partial_);
    // Unlike rename(), does not replace. Locked until its name is gone.
    if (link(partial_.c_str(), path_.c_str()) != 0) {
      return ErrnoStatus("make", path_);
    }
    unlink(partial_.c_str());
    finished_ = true;
    if (close(std::exchange(fd_, -1)) != 0) return ErrnoStatus("close", path_);
    const size_t slash = path_.rfind('/');
    return SyncDirectory(slash == std::string::npos ? "."
                         : slash == 0               ? "/"
                                                    : path_.substr(0, slash));
  }

 private:
  const std::string path_;
  const std::string partial_;
  int fd_;
  bool finished_ = false;
};

class FileSource : public ByteSource {
 public:
  FileSource(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~FileSource() override { close(fd_); }

  absl::StatusOr<size_t> Read(uint8_t* buffer, size_t size) override {
    size_t done = 0;
    while (done < size) {
      const ssize_t count = read(fd_, buffer + done, size - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return ErrnoStatus("read", path_);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }

 private:
  const std::string path_;
  const int fd_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSink>> CreateFileSink(
    const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " is there already: give another name"));
  }
  // A name that is free when a backup which broke off has left one: it is
  // taken over, unless somebody writes it now.
  std::string partial = path + ".partial";
  const int fd =
      open(partial.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode);
  if (fd < 0) return ErrnoStatus("make", partial);
  struct stat opened {
  }, there{};
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &opened) != 0 ||
      lstat(partial.c_str(), &there) != 0 || opened.st_ino != there.st_ino ||
      opened.st_dev != there.st_dev) {
    close(fd);
    return absl::AlreadyExistsError(absl::StrCat("another backup writes ", path,
                                                 " now: give another name"));
  }
  auto sink = std::make_unique<FileSink>(path, partial, fd);
  if (ftruncate(fd, 0) != 0 || fchmod(fd, kMode) != 0) {
    return ErrnoStatus("make", partial);
  }
  return sink;
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenFileSource(
    const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus("open", path);
  return std::make_unique<FileSource>(path, fd);
}

}  // namespace bestow::server
