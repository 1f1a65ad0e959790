// reload: what is asked of the running server itself.
#ifndef SERVER_ADMIN_SERVER_OPERATIONS_H_
#define SERVER_ADMIN_SERVER_OPERATIONS_H_

#include "absl/types/span.h"
#include "server/admin/operation.h"

namespace bestow::server {

absl::Span<const Operation> ServerOperations();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_SERVER_OPERATIONS_H_
