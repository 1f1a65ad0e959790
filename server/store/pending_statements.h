// The SQL on requests that wait for the operator.
// Writing functions run inside the caller's transaction. Statuses as in
// store.h.
#ifndef SERVER_STORE_PENDING_STATEMENTS_H_
#define SERVER_STORE_PENDING_STATEMENTS_H_

#include <functional>
#include <optional>
#include <string>

#include "server/store/database.h"
#include "server/store/store.h"

namespace bestow::server {

absl::StatusOr<PendingRequest> FindOrInsertPending(Database& database,
                                                   PendingRequest request,
                                                   size_t max_waiting);
absl::Status SelectAllPending(
    Database& database, absl::Time now,
    const std::function<void(const PendingRequest&)>& visit);
// See SqliteStore::DecidePending.
absl::StatusOr<PendingRequest> UpdatePending(Database& database, int64_t id,
                                             bool approve,
                                             const std::string& reason,
                                             absl::Time now);

// For an issuance with a pending_id. nullopt: approved, and not taken yet.
absl::StatusOr<std::optional<Issued>> RepeatForPending(
    Database& database, const Issuance& issuance);
absl::Status TakePending(Database& database, const Issuance& issuance,
                         int64_t certificate_id);

}  // namespace bestow::server

#endif  // SERVER_STORE_PENDING_STATEMENTS_H_
