// The commands of bestow-server on the state folder as a whole, as functions
// from options to an exit code (see also identity_commands.h,
// request_commands.h).
#ifndef SERVER_ADMIN_COMMANDS_H_
#define SERVER_ADMIN_COMMANDS_H_

#include <string>

#include "absl/types/span.h"
#include "server/admin/command.h"
#include "server/admin/console.h"

namespace bestow::server {

struct InitFlags {
  std::string state_dir;
  std::string hostnames;  // separated by commas; "": those of --listen
  std::string listen;     // separated by commas
  std::string ca_name;
  std::string ca_key_type = "ec-p256";
  std::string key_storage = "file";
  std::string passphrase_file;
  std::string tpm = "device:/dev/tpmrm0";
  std::string ca_folder;  // "": a new CA
};
int InitCommand(const Console& console, const InitFlags& flags);

// Loads what `run` would, and says what it would serve.
int CheckCommand(const Console& console, const std::string& state_dir);

absl::Span<const Command> StateCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_COMMANDS_H_
