// The tool's end of the admin socket.
#ifndef SERVER_ADMIN_ADMIN_CLIENT_H_
#define SERVER_ADMIN_ADMIN_CLIENT_H_

#include "absl/status/statusor.h"
#include "server/admin/admin_call.h"

namespace bestow::server {

// Asks the server at the other end of `fd` (ConnectToServer()), which it
// closes, and waits for the answer. The statuses are the operation's;
// kUnavailable: the connection broke, and whether it was done is not known.
absl::StatusOr<Json> CallServer(int fd, const AdminCall& call);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_ADMIN_CLIENT_H_
