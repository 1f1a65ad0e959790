// The SQL on one-time secrets and the keys that they are bound to. Writing
// functions run inside the caller's transaction. Statuses as in store.h.
#ifndef SERVER_STORE_SECRET_STATEMENTS_H_
#define SERVER_STORE_SECRET_STATEMENTS_H_

#include <cstdint>
#include <optional>

#include "server/store/enrollment_store.h"
#include "server/store/sql.h"

namespace bestow::server {

// kPermissionDenied: the identity's secret had expired unused at `asked_at`, or
// has served another key. NOT checked: whether its time to be repeated is over.
absl::Status CheckSecretFor(SqlConnection& database, int64_t secret_id,
                            int64_t identity_id, ByteView key_sha256,
                            absl::Time asked_at);

// For a request that reserves it: bound to its key, without a certificate yet.
// As above, and kPermissionDenied too when it has given its certificate.
absl::Status ReserveSecret(SqlConnection& database,
                           const PendingRequest& request, absl::Time asked_at);

// For an issuance with a secret_id. nullopt: the secret is free and may be
// bound now.
absl::StatusOr<std::optional<Issued>> RepeatForSecret(SqlConnection& database,
                                                      const Issuance& issuance);
absl::Status BindSecret(SqlConnection& database, const Issuance& issuance,
                        int64_t certificate_id);

}  // namespace bestow::server

#endif  // SERVER_STORE_SECRET_STATEMENTS_H_
