// The unix socket by which the tool reaches a running server, and who may.
#ifndef SERVER_ADMIN_ADMIN_SOCKET_H_
#define SERVER_ADMIN_ADMIN_SOCKET_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/net/unix_socket.h"

namespace bestow::server {

// "operator root (uid 0)", for the audit log.
std::string OperatorName(uid_t uid);

// Root, the server's own user and the members of `group` may give a server
// orders, and nobody else: kPermissionDenied. Returns OperatorName().
absl::StatusOr<std::string> AdmitOperator(const SocketPeer& peer,
                                          uid_t server_uid,
                                          std::optional<gid_t> group);

// kNotFound: this machine has no such group.
absl::StatusOr<gid_t> GroupByName(const std::string& name);

using AdminListener = UnixListener;

// UnixListener::Open() and ConnectUnix() of the server's socket.
absl::StatusOr<std::unique_ptr<AdminListener>> OpenAdminListener(
    const std::string& path, std::optional<gid_t> group);
absl::StatusOr<int> ConnectToServer(const std::string& path);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_ADMIN_SOCKET_H_
