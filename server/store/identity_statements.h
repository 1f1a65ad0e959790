// The SQL on identities and what they authenticate with. Writing functions run
// inside the caller's transaction. Statuses as in store.h.
#ifndef SERVER_STORE_IDENTITY_STATEMENTS_H_
#define SERVER_STORE_IDENTITY_STATEMENTS_H_

#include <string>
#include <vector>

#include "server/store/database.h"
#include "server/store/records.h"

namespace bestow::server {

// Steps to the first row; kNotFound with `what` when there is none.
absl::Status ExpectRow(Statement& query, std::string_view what);

absl::StatusOr<Identity> SelectIdentity(Database& database,
                                        const std::string& name);
absl::StatusOr<SecretRecord> SelectSecret(Database& database,
                                          int64_t identity_id,
                                          ByteView secret_sha256);
absl::StatusOr<std::vector<DigestSecret>> SelectDigestSecrets(
    Database& database, int64_t identity_id, const std::string& realm,
    const std::string& algorithm, size_t limit);
absl::StatusOr<PreSharedKey> SelectPreSharedKey(Database& database,
                                                ByteView key_identifier);

// Makes the identity or extends it; its id.
absl::StatusOr<int64_t> UpsertIdentity(Database& database,
                                       const std::string& name,
                                       const IdentityOptions& options,
                                       absl::Time now);
// The identity of that name when it is good for `label` and no registration
// authority, else kAborted; made, good for `label` alone, when it is
// not there.
absl::StatusOr<int64_t> RegisterIdentity(Database& database,
                                         const std::string& name,
                                         const std::string& label,
                                         absl::Time now);

absl::Status SetIdentityPassword(Database& database, int64_t identity_id,
                                 const std::string& password_hash,
                                 bool replace);
absl::StatusOr<int64_t> InsertSecret(Database& database, int64_t identity_id,
                                     ByteView secret_sha256, absl::Time now,
                                     absl::Time expires_at);
absl::Status InsertDigestSecrets(Database& database, int64_t identity_id,
                                 std::optional<int64_t> secret_id,
                                 const std::vector<DigestSecret>& secrets);
// Those of the password.
absl::Status DeleteDigestSecrets(Database& database, int64_t identity_id);
absl::Status InsertPreSharedKey(Database& database, const PreSharedKey& key,
                                absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_STORE_IDENTITY_STATEMENTS_H_
