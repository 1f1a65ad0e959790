// identities list, show, add, remove.
#ifndef SERVER_ADMIN_IDENTITY_OPERATIONS_H_
#define SERVER_ADMIN_IDENTITY_OPERATIONS_H_

#include "absl/types/span.h"
#include "server/admin/operation.h"

namespace bestow::server {

absl::Span<const Operation> IdentityOperations();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_IDENTITY_OPERATIONS_H_
