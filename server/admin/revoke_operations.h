// Revoking certificates, and their CRLs.
#ifndef SERVER_ADMIN_REVOKE_OPERATIONS_H_
#define SERVER_ADMIN_REVOKE_OPERATIONS_H_

#include "absl/types/span.h"
#include "server/admin/operation.h"

namespace bestow::server {

// "revoke", "crl list", "crl publish", "crl export".
absl::Span<const Operation> RevokeOperations();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_REVOKE_OPERATIONS_H_
