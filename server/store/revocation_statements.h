// The SQL on revocations and CRLs. Writing functions run inside the caller's
// transaction. Statuses as in revocation_store.h.
#ifndef SERVER_STORE_REVOCATION_STATEMENTS_H_
#define SERVER_STORE_REVOCATION_STATEMENTS_H_

#include <optional>
#include <vector>

#include "server/store/revocation_store.h"
#include "server/store/sql.h"

namespace bestow::server {

absl::StatusOr<std::vector<CertificateRecord>> UpdateRevoked(
    SqlConnection& database, const RevokeOrder& order);
absl::StatusOr<std::vector<RevokedCertificate>> SelectRevoked(
    SqlConnection& database, ByteView issuer_key_id, absl::Time now,
    std::optional<absl::Time> changed_since);
absl::StatusOr<std::optional<absl::Time>> SelectLastExpiry(
    SqlConnection& database, ByteView issuer_key_id);
absl::StatusOr<StoredCrl> SelectCrl(SqlConnection& database,
                                    ByteView issuer_key_id, bool delta);
absl::Status InsertCrls(SqlConnection& database,
                        const std::vector<StoredCrl>& crls);

}  // namespace bestow::server

#endif  // SERVER_STORE_REVOCATION_STATEMENTS_H_
