// users, secrets, psks: what identities authenticate with. Passwords, secrets
// and keys come beside the arguments (AdminContext::secret), and no answer has
// one.
#ifndef SERVER_ADMIN_CREDENTIAL_OPERATIONS_H_
#define SERVER_ADMIN_CREDENTIAL_OPERATIONS_H_

#include "absl/types/span.h"
#include "server/admin/operation.h"

namespace bestow::server {

absl::Span<const Operation> CredentialOperations();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CREDENTIAL_OPERATIONS_H_
