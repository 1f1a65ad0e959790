// backup and restore: the whole state folder and its database in one file.
#ifndef SERVER_ADMIN_BACKUP_COMMANDS_H_
#define SERVER_ADMIN_BACKUP_COMMANDS_H_

#include "absl/types/span.h"
#include "server/admin/command.h"

namespace bestow::server {

absl::Span<const Command> BackupCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_BACKUP_COMMANDS_H_
