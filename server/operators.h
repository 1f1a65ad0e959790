// The running server's operators: the admin socket, and what they may ask.
#ifndef SERVER_OPERATORS_H_
#define SERVER_OPERATORS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "server/admin/admin_server.h"
#include "server/admin/operation.h"
#include "server/admin/state_folder.h"
#include "server/server.h"

namespace bestow::server {

// Opens the admin socket of [admin]; nothing is answered yet.
// kFailedPrecondition: a server runs on this folder already, there is no such
// group, or the socket can't be made.
absl::StatusOr<std::unique_ptr<AdminListener>> OpenAdminSocket(
    const StatePaths& paths, const Config& config);

// Answers operators from now on, until the result is destroyed; `server` and
// `clock` must outlive it. All of `hooks` but reload is filled here.
absl::StatusOr<std::unique_ptr<AdminServer>> ServeOperators(
    std::unique_ptr<AdminListener> listener, const StatePaths& paths,
    Server& server, const Clock& clock, AdminHooks hooks,
    AdminServer::LogLine log_line);

}  // namespace bestow::server

#endif  // SERVER_OPERATORS_H_
