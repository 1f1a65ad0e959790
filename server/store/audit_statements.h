// The SQL on the audit log. Statuses as in store.h.
#ifndef SERVER_STORE_AUDIT_STATEMENTS_H_
#define SERVER_STORE_AUDIT_STATEMENTS_H_

#include <cstdint>
#include <vector>

#include "server/store/audit_entry.h"
#include "server/store/sql.h"

namespace bestow::server {

// In the caller's writing transaction, which keeps all others from the end of
// the chain. Text is cut to kMaxAuditText octets, and what is not printable
// UTF-8 in it becomes '?'. An entry without an action: nothing is done.
inline constexpr size_t kMaxAuditText = 1024;
absl::Status AppendAudit(SqlConnection& database, AuditEntry entry);

absl::StatusOr<std::vector<AuditRecord>> SelectAudit(SqlConnection& database,
                                                     int64_t after_sequence,
                                                     size_t limit);
absl::StatusOr<AuditRecord> SelectLastAudit(SqlConnection& database);

}  // namespace bestow::server

#endif  // SERVER_STORE_AUDIT_STATEMENTS_H_
