// The SQL on requests that wait for the operator.
// Writing functions run inside the caller's transaction. Statuses as in
// store.h.
#ifndef SERVER_STORE_PENDING_STATEMENTS_H_
#define SERVER_STORE_PENDING_STATEMENTS_H_

#include <optional>
#include <string>
#include <vector>

#include "server/store/enrollment_store.h"
#include "server/store/listing.h"
#include "server/store/sql.h"

namespace bestow::server {

absl::StatusOr<PendingRequest> FindOrInsertPending(SqlConnection& database,
                                                   PendingRequest request,
                                                   size_t max_waiting);
absl::StatusOr<PendingRequest> SelectPending(SqlConnection& database,
                                             int64_t id);
absl::StatusOr<std::vector<PendingRequest>> SelectPendingPage(
    SqlConnection& database, absl::Time now, const Page& page);
// See OperatorStore::DecidePending().
absl::StatusOr<PendingRequest> UpdatePending(SqlConnection& database,
                                             int64_t id, bool approve,
                                             const std::string& reason,
                                             absl::Time now);

// For an issuance with a pending_id. nullopt: approved, and not taken yet.
absl::StatusOr<std::optional<Issued>> RepeatForPending(
    SqlConnection& database, const Issuance& issuance);
absl::Status TakePending(SqlConnection& database, const Issuance& issuance,
                         int64_t certificate_id);

}  // namespace bestow::server

#endif  // SERVER_STORE_PENDING_STATEMENTS_H_
