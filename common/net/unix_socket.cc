#include "common/net/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace bestow {
namespace {

constexpr int kBacklog = 16;
constexpr timeval kPatience = {10, 0};
constexpr size_t kMaxGroups = 65536;  // the kernel's NGROUPS_MAX

absl::Status Errno(int error, const std::string& path, std::string_view what) {
  const std::string message =
      absl::StrCat(path, ": ", what, ": ", std::strerror(error));
  return error == EACCES || error == EPERM
             ? absl::PermissionDeniedError(message)
             : absl::FailedPreconditionError(message);
}

struct SplitPath {
  std::string folder, name;
};
SplitPath Split(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// The address of `name` in a folder that is open as `folder_fd`: sun_path is
// short, and state folders lie deep.
absl::StatusOr<sockaddr_un> AddressIn(int folder_fd, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int length =
      std::snprintf(address.sun_path, sizeof(address.sun_path),
                    "/proc/self/fd/%d/%s", folder_fd, name.c_str());
  if (length < 0 || static_cast<size_t>(length) >= sizeof(address.sun_path)) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " is too long a name for a socket"));
  }
  return address;
}

const sockaddr* AsAddress(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

absl::StatusOr<int> NewSocket() {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Errno(errno, "unix socket", "can't be made");
  return fd;
}

}  // namespace

absl::StatusOr<SocketPeer> PeerOf(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 ||
      size != sizeof(credentials)) {
    return absl::PermissionDeniedError("the peer's credentials can't be read");
  }
  SocketPeer peer;
  peer.uid = credentials.uid;
  socklen_t bytes = 0;
  // Too small a buffer: the kernel says how much it needs.
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, nullptr, &bytes) != 0 &&
      errno == ERANGE && bytes <= kMaxGroups * sizeof(gid_t)) {
    peer.groups.resize(bytes / sizeof(gid_t));
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &bytes) !=
        0) {
      peer.groups.clear();
    }
  }
  peer.groups.push_back(credentials.gid);
  return peer;
}

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Open(
    const std::string& path, std::optional<gid_t> group,
    std::string_view program) {
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(
          path, " is no socket, and in the way of the ", program, "'s"));
    }
    absl::StatusOr<int> other = ConnectUnix(path, program);
    if (other.ok()) {
      close(*other);
      return absl::FailedPreconditionError(absl::StrCat(
          path, ": another ", program, " runs on this state folder"));
    }
  }
  const auto [folder, name] = Split(path);
  const int folder_fd = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0) return Errno(errno, folder, "can't be opened");
  const absl::Cleanup close_folder = [folder_fd] { close(folder_fd); };
  // Made under another name and moved, so that a stale one is replaced in one
  // step, and never before somebody listens.
  const std::string fresh = absl::StrCat(name, ".", getpid());
  absl::StatusOr<sockaddr_un> address = AddressIn(folder_fd, fresh);
  if (!address.ok()) return address.status();
  absl::StatusOr<int> fd = NewSocket();
  if (!fd.ok()) return fd.status();
  absl::Cleanup close_socket = [fd = *fd] { close(fd); };
  unlinkat(folder_fd, fresh.c_str(), 0);
  const mode_t before = umask(0177);
  const int bound = bind(*fd, AsAddress(*address), sizeof(*address));
  const int bind_error = errno;
  umask(before);
  if (bound != 0) return Errno(bind_error, path, "can't be made");
  absl::Cleanup remove_fresh = [folder_fd, &fresh] {
    unlinkat(folder_fd, fresh.c_str(), 0);
  };
  if (group.has_value() &&
      (fchownat(folder_fd, fresh.c_str(), static_cast<uid_t>(-1), *group,
                AT_SYMLINK_NOFOLLOW) != 0 ||
       fchmodat(folder_fd, fresh.c_str(), 0660, 0) != 0)) {
    return Errno(errno, path, "can't be given to its group");
  }
  struct stat made {};
  if (fstatat(folder_fd, fresh.c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0 ||
      listen(*fd, kBacklog) != 0 || fcntl(*fd, F_SETFL, O_NONBLOCK) != 0 ||
      renameat(folder_fd, fresh.c_str(), folder_fd, name.c_str()) != 0) {
    return Errno(errno, path, "can't be listened on");
  }
  std::move(remove_fresh).Cancel();
  std::move(close_socket).Cancel();
  return std::unique_ptr<UnixListener>(
      new UnixListener(path, *fd, made.st_dev, made.st_ino));
}

UnixListener::UnixListener(std::string path, int fd, dev_t device, ino_t inode)
    : path_(std::move(path)), fd_(fd), device_(device), inode_(inode) {}

UnixListener::~UnixListener() {
  struct stat there {};
  if (lstat(path_.c_str(), &there) == 0 && there.st_dev == device_ &&
      there.st_ino == inode_) {
    unlink(path_.c_str());
  }
  close(fd_);
}

absl::StatusOr<int> ConnectUnix(const std::string& path,
                                std::string_view program) {
  const auto [folder, name] = Split(path);
  const int folder_fd = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0) {
    return absl::NotFoundError(
        absl::StrCat(folder, ": ", std::strerror(errno)));
  }
  const absl::Cleanup close_folder = [folder_fd] { close(folder_fd); };
  absl::StatusOr<sockaddr_un> address = AddressIn(folder_fd, name);
  if (!address.ok()) return address.status();
  absl::StatusOr<int> fd = NewSocket();
  if (!fd.ok()) return fd.status();
  absl::Cleanup close_socket = [fd = *fd] { close(fd); };
  // A connect() waits while the backlog is full.
  setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  if (connect(*fd, AsAddress(*address), sizeof(*address)) != 0) {
    // A process that died leaves its file behind.
    if (errno == ENOENT || errno == ECONNREFUSED) {
      return absl::NotFoundError(
          absl::StrCat(path, ": no ", program, " listens"));
    }
    return Errno(errno, path,
                 absl::StrCat("the running ", program, " can't be asked"));
  }
  struct stat of_folder {};
  absl::StatusOr<SocketPeer> peer = PeerOf(*fd);
  if (!peer.ok()) return peer.status();
  if (fstat(folder_fd, &of_folder) != 0 ||
      (peer->uid != 0 && peer->uid != geteuid() &&
       peer->uid != of_folder.st_uid)) {
    return absl::PermissionDeniedError(absl::StrCat(
        path, ": uid ", peer->uid, " listens there, who is not the ", program));
  }
  std::move(close_socket).Cancel();
  return *fd;
}

}  // namespace bestow
