// requests list, show; approve, deny; renewals list, add.
#ifndef SERVER_ADMIN_REQUEST_OPERATIONS_H_
#define SERVER_ADMIN_REQUEST_OPERATIONS_H_

#include "absl/types/span.h"
#include "server/admin/operation.h"

namespace bestow::server {

absl::Span<const Operation> RequestOperations();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_REQUEST_OPERATIONS_H_
