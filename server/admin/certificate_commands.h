// The commands on issued certificates, trust anchors and the server itself.
#ifndef SERVER_ADMIN_CERTIFICATE_COMMANDS_H_
#define SERVER_ADMIN_CERTIFICATE_COMMANDS_H_

#include "absl/types/span.h"
#include "server/admin/command.h"

namespace bestow::server {

// certificates, statistics, anchors, reload.
absl::Span<const Command> CertificateCommands();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CERTIFICATE_COMMANDS_H_
