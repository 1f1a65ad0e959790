// The commands that read the audit log.
#ifndef SERVER_ADMIN_AUDIT_COMMANDS_H_
#define SERVER_ADMIN_AUDIT_COMMANDS_H_

#include "absl/types/span.h"
#include "server/admin/command.h"

namespace bestow::server {

absl::Span<const Command> AuditCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_AUDIT_COMMANDS_H_
