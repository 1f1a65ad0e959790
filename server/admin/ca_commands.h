// `bestow-server ca ...`: roots and CAs below them, in files alone. A running
// server sees what changed when it reloads.
#ifndef SERVER_ADMIN_CA_COMMANDS_H_
#define SERVER_ADMIN_CA_COMMANDS_H_

#include "absl/types/span.h"
#include "server/admin/command.h"
#include "server/admin/console.h"

namespace bestow::server {

int CaCreateCommand(const Console& console, const CommandLine& line);
int CaRequestCommand(const Console& console, const CommandLine& line);
int CaImportCommand(const Console& console, const CommandLine& line);
int CaImportKeyCommand(const Console& console, const CommandLine& line);
int CaSignRequestCommand(const Console& console, const CommandLine& line);

absl::Span<const Command> CaCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CA_COMMANDS_H_
