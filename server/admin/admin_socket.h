// The unix socket by which the tool reaches a running server, and who may.
#ifndef SERVER_ADMIN_ADMIN_SOCKET_H_
#define SERVER_ADMIN_ADMIN_SOCKET_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bestow::server {

// Who is at the other end of a unix socket, as the kernel noted it when the
// connection was made.
struct SocketPeer {
  uid_t uid = 0;
  std::vector<gid_t> groups;  // with the primary one
};
absl::StatusOr<SocketPeer> PeerOf(int fd);

// "operator root (uid 0)", for the audit log.
std::string OperatorName(uid_t uid);

// Root, the server's own user and the members of `group` may give a server
// orders, and nobody else: kPermissionDenied. Returns OperatorName().
absl::StatusOr<std::string> AdmitOperator(const SocketPeer& peer,
                                          uid_t server_uid,
                                          std::optional<gid_t> group);

// kNotFound: this machine has no such group.
absl::StatusOr<gid_t> GroupByName(const std::string& name);

// The listening socket, whose file is removed with it.
class AdminListener {
 public:
  // Makes the file with mode 0600, or 0660 for `group`; it is never there with
  // another one. A file left by a server that died is replaced.
  // kFailedPrecondition: another server listens there, or something that is no
  // socket is in its place. Sets the umask of the process for a moment, to a
  // stricter one.
  static absl::StatusOr<std::unique_ptr<AdminListener>> Open(
      const std::string& path, std::optional<gid_t> group);
  ~AdminListener();
  AdminListener(const AdminListener&) = delete;
  AdminListener& operator=(const AdminListener&) = delete;

  int fd() const { return fd_; }

 private:
  AdminListener(std::string path, int fd, dev_t device, ino_t inode);

  const std::string path_;
  const int fd_;
  const dev_t device_;
  const ino_t inode_;
};

// A connection to the server that listens at `path`. kNotFound: none does.
// kPermissionDenied: the file's mode, or the one who listens is neither root
// nor this user nor the owner of the file's folder: he gets no secrets.
absl::StatusOr<int> ConnectToServer(const std::string& path);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_ADMIN_SOCKET_H_
