// `bestow-server revoke` and `bestow-server crl ...`.
#ifndef SERVER_ADMIN_REVOKE_COMMANDS_H_
#define SERVER_ADMIN_REVOKE_COMMANDS_H_

#include "absl/types/span.h"
#include "server/admin/command.h"

namespace bestow::server {

absl::Span<const Command> RevokeCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_REVOKE_COMMANDS_H_
