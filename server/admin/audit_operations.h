// audit list, verify, export: reading the audit log.
#ifndef SERVER_ADMIN_AUDIT_OPERATIONS_H_
#define SERVER_ADMIN_AUDIT_OPERATIONS_H_

#include "absl/types/span.h"
#include "server/admin/operation.h"

namespace bestow::server {

absl::Span<const Operation> AuditOperations();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_AUDIT_OPERATIONS_H_
