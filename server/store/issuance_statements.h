// The SQL on certificates: issuing and finding them. Writing functions run
// inside the caller's transaction. Statuses as in store.h.
#ifndef SERVER_STORE_ISSUANCE_STATEMENTS_H_
#define SERVER_STORE_ISSUANCE_STATEMENTS_H_

#include <functional>
#include <string>

#include "server/store/database.h"
#include "server/store/store.h"

namespace bestow::server {

absl::StatusOr<CertificateRecord> SelectCertificate(Database& database,
                                                    ByteView serial);
absl::StatusOr<CertificateRecord> SelectCertificateByKey(
    Database& database, int64_t identity_id, ByteView key_sha256_or_key_id);
absl::Status SelectAllCertificates(
    Database& database,
    const std::function<void(const CertificateRecord&)>& visit);

// The record, and the binding of its one-time secret and the taking of its
// approval when it has them. A secret or an approval that is already bound to
// the record's key gives the certificate that it gave before.
absl::StatusOr<Issued> InsertIssuance(Database& database, Issuance issuance);

}  // namespace bestow::server

#endif  // SERVER_STORE_ISSUANCE_STATEMENTS_H_
