// The SQL of the store, one function per statement or small group of them.
// Writing ones run inside the caller's transaction. Statuses as in store.h.
#ifndef SERVER_STORE_STATEMENTS_H_
#define SERVER_STORE_STATEMENTS_H_

#include <functional>
#include <string>

#include "server/store/database.h"
#include "server/store/store.h"

namespace bestow::server {

absl::StatusOr<Identity> SelectIdentity(Database& database,
                                        const std::string& name);
absl::StatusOr<SecretRecord> SelectSecret(Database& database,
                                          int64_t identity_id,
                                          ByteView secret_sha256);
absl::StatusOr<CertificateRecord> SelectCertificate(Database& database,
                                                    ByteView serial);
absl::Status SelectAllCertificates(
    Database& database,
    const std::function<void(const CertificateRecord&)>& visit);

absl::Status UpsertPassword(Database& database, const std::string& name,
                            const std::string& password_hash, bool replace,
                            absl::Time now);
absl::Status InsertSecret(Database& database, const std::string& name,
                          ByteView secret_sha256, absl::Time now,
                          absl::Time expires_at);

// The record, and the binding of its one-time secret when it has one. A
// secret that is already bound to the record's key gives the certificate that
// it gave before.
absl::StatusOr<Issued> InsertIssuance(Database& database,
                                      const Issuance& issuance);

}  // namespace bestow::server

#endif  // SERVER_STORE_STATEMENTS_H_
