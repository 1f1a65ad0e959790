// The operator's word on what waits, and on what is to be renewed.
#ifndef SERVER_ADMIN_REQUEST_COMMANDS_H_
#define SERVER_ADMIN_REQUEST_COMMANDS_H_

#include "absl/types/span.h"
#include "server/admin/command.h"

namespace bestow::server {

// requests, approve, deny, renewals.
absl::Span<const Command> RequestCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_REQUEST_COMMANDS_H_
