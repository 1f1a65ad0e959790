// The commands on identities and what they authenticate by.
#ifndef SERVER_ADMIN_IDENTITY_COMMANDS_H_
#define SERVER_ADMIN_IDENTITY_COMMANDS_H_

#include "absl/types/span.h"
#include "server/admin/command.h"

namespace bestow::server {

// identities, users, secrets and psks. Passwords and keys are read from files
// here, one-time secrets and new keys made here, and shown once.
absl::Span<const Command> IdentityCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_IDENTITY_COMMANDS_H_
