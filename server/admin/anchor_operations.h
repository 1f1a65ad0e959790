// anchors list, add, remove: IDevID trust anchors in the database.
#ifndef SERVER_ADMIN_ANCHOR_OPERATIONS_H_
#define SERVER_ADMIN_ANCHOR_OPERATIONS_H_

#include "absl/types/span.h"
#include "server/admin/operation.h"

namespace bestow::server {

absl::Span<const Operation> AnchorOperations();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_ANCHOR_OPERATIONS_H_
