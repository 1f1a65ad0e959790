// The SQL on identities and what they authenticate with. Writing functions run
// inside the caller's transaction. Statuses as in store.h.
#ifndef SERVER_STORE_IDENTITY_STATEMENTS_H_
#define SERVER_STORE_IDENTITY_STATEMENTS_H_

#include <string>
#include <vector>

#include "server/store/records.h"
#include "server/store/sql.h"

namespace bestow::server {

absl::StatusOr<Identity> SelectIdentity(SqlConnection& database,
                                        const std::string& name);
absl::StatusOr<SecretRecord> SelectSecret(SqlConnection& database,
                                          int64_t identity_id,
                                          ByteView secret_sha256);
absl::StatusOr<std::vector<DigestSecret>> SelectDigestSecrets(
    SqlConnection& database, int64_t identity_id, const std::string& realm,
    const std::string& algorithm, size_t limit);
absl::StatusOr<PreSharedKey> SelectPreSharedKey(SqlConnection& database,
                                                ByteView key_identifier);

// Makes the identity or extends it; its id.
absl::StatusOr<int64_t> UpsertIdentity(SqlConnection& database,
                                       const std::string& name,
                                       const IdentityOptions& options,
                                       absl::Time now);
// The identity of that name when it is good for `label` and no registration
// authority, else kAborted; made, good for `label` alone, when it was
// never there.
absl::StatusOr<int64_t> RegisterIdentity(SqlConnection& database,
                                         const std::string& name,
                                         const std::string& label,
                                         absl::Time now);

absl::Status SetIdentityPassword(SqlConnection& database, int64_t identity_id,
                                 const std::string& password_hash,
                                 bool replace);
absl::StatusOr<int64_t> InsertSecret(SqlConnection& database,
                                     int64_t identity_id,
                                     ByteView secret_sha256, absl::Time now,
                                     absl::Time expires_at);
absl::Status InsertDigestSecrets(SqlConnection& database, int64_t identity_id,
                                 std::optional<int64_t> secret_id,
                                 const std::vector<DigestSecret>& secrets);
// Those of the password.
absl::Status DeleteDigestSecrets(SqlConnection& database, int64_t identity_id);
absl::Status InsertPreSharedKey(SqlConnection& database,
                                const PreSharedKey& key, absl::Time now);

// See OperatorStore::RemoveIdentity() and its neighbours.
absl::Status DeleteIdentity(SqlConnection& database, const std::string& name,
                            absl::Time now);
absl::Status ClearPassword(SqlConnection& database, const std::string& name);
absl::Status DeleteSecret(SqlConnection& database, int64_t id);
absl::Status DeletePreSharedKey(SqlConnection& database,
                                ByteView key_identifier);

}  // namespace bestow::server

#endif  // SERVER_STORE_IDENTITY_STATEMENTS_H_
