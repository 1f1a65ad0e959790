// The pages of ca rollover, switch, retire.
#ifndef SERVER_ADMIN_ROLLOVER_COMMANDS_H_
#define SERVER_ADMIN_ROLLOVER_COMMANDS_H_

#include "absl/types/span.h"
#include "server/admin/command.h"

namespace bestow::server {

absl::Span<const Command> RolloverCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_ROLLOVER_COMMANDS_H_
