// Unix sockets by which a tool reaches a running program, and who is at the
// other end.
#ifndef COMMON_NET_UNIX_SOCKET_H_
#define COMMON_NET_UNIX_SOCKET_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bestow {

// Who is at the other end of a unix socket, as the kernel noted it when the
// connection was made.
struct SocketPeer {
  uid_t uid = 0;
  std::vector<gid_t> groups;  // with the primary one
};
absl::StatusOr<SocketPeer> PeerOf(int fd);

// The listening socket, whose file is removed with it. `program` is what
// messages call the one who listens: "server".
class UnixListener {
 public:
  // Makes the file with mode 0600, or 0660 for `group`; it is never there with
  // another one. A file left by a process that died is replaced.
  // kFailedPrecondition: another one listens there, or something that is no
  // socket is in its place. Sets the umask of the process for a moment, to a
  // stricter one.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Open(
      const std::string& path, std::optional<gid_t> group,
      std::string_view program);
  ~UnixListener();
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  int fd() const { return fd_; }

 private:
  UnixListener(std::string path, int fd, dev_t device, ino_t inode);

  const std::string path_;
  const int fd_;
  const dev_t device_;
  const ino_t inode_;
};

// A connection to the one who listens at `path`. kNotFound: nobody does.
// kPermissionDenied: the file's mode, or the one who listens is neither root
// nor this user nor the owner of the file's folder: he gets no secrets.
absl::StatusOr<int> ConnectUnix(const std::string& path,
                                std::string_view program);

}  // namespace bestow

#endif  // COMMON_NET_UNIX_SOCKET_H_
