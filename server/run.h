// `bestow-server run`: the state folder, sockets and signals around a Server.
#ifndef SERVER_RUN_H_
#define SERVER_RUN_H_

#include <string>

#include "absl/types/span.h"
#include "server/admin/command.h"
#include "server/admin/console.h"

namespace bestow::server {

// Serves until SIGTERM or SIGINT; SIGHUP loads the state folder again. Prints a
// line per listening socket to the console when it is ready; logs through
// absl/log.
int RunCommand(const Console& console, const std::string& state_dir);

absl::Span<const Command> RunCommands();

}  // namespace bestow::server

#endif  // SERVER_RUN_H_
