// The sealed columns of the store: what Digest and pre-shared keys need.
#ifndef SERVER_AUTH_SEALED_RECORDS_H_
#define SERVER_AUTH_SEALED_RECORDS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/secret.h"
#include "server/auth/sealed_secret.h"
#include "server/store/records.h"

namespace bestow::server {

// The rows for a password or one-time secret of `name` that may be used over
// Digest in these realms: one for MD5 and one for SHA-256 each. `name` is as
// the user sends it, and as the store has it.
absl::StatusOr<std::vector<DigestSecret>> SealDigestSecrets(
    const SecretSealer& sealer, const std::string& name,
    const std::vector<std::string>& realms, const Secret& password);
// H(A1) in lower-case hex. Failures: SecretSealer::Open's.
absl::StatusOr<Secret> OpenDigestSecret(const SecretSealer& sealer,
                                        const std::string& name,
                                        const DigestSecret& secret);

// PreSharedKey::sealed_key, for the identity called `name`.
absl::StatusOr<Bytes> SealPreSharedKey(const SecretSealer& sealer,
                                       const std::string& name,
                                       ByteView key_identifier,
                                       const Secret& key);
// `key` as the store gave it.
absl::StatusOr<Secret> OpenPreSharedKey(const SecretSealer& sealer,
                                        const PreSharedKey& key);

}  // namespace bestow::server

#endif  // SERVER_AUTH_SEALED_RECORDS_H_
