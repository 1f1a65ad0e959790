// The commands that make identities and what they authenticate by.
#ifndef SERVER_ADMIN_IDENTITY_COMMANDS_H_
#define SERVER_ADMIN_IDENTITY_COMMANDS_H_

#include <optional>
#include <string>

#include "absl/types/span.h"
#include "server/admin/command.h"
#include "server/admin/console.h"

namespace bestow::server {

// What each of these commands can say of its identity, which is made when it
// is new.
struct IdentityFlags {
  std::string state_dir;
  std::string name;
  // Labels that it is good for from now on, separated by commas; "." is the
  // service without a label. "": as it is, or "." alone when it is new.
  std::string labels;
  std::optional<bool> is_ra;
};

int AddIdentityCommand(const Console& console, const IdentityFlags& flags);

struct AddUserFlags {
  std::string password_file;
  bool replace = false;
  bool digest = false;  // also good for HTTP Digest
};
int AddUserCommand(const Console& console, const IdentityFlags& identity,
                   const AddUserFlags& flags);

// Prints the secret alone to `out`.
struct AddSecretFlags {
  std::string valid_for = "24h";
  bool digest = false;
};
int AddSecretCommand(const Console& console, const IdentityFlags& identity,
                     const AddSecretFlags& flags);

// `key_file`: 16, 24 or 32 octets in hexadecimal; "": a key is made, and shown.
int AddPskCommand(const Console& console, const IdentityFlags& identity,
                  const std::string& key_file);

absl::Span<const Command> IdentityCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_IDENTITY_COMMANDS_H_
