// The SQL that finds certificates and lists them. Statuses as in store.h.
#ifndef SERVER_STORE_CERTIFICATE_STATEMENTS_H_
#define SERVER_STORE_CERTIFICATE_STATEMENTS_H_

#include <string>
#include <vector>

#include "server/store/listing.h"
#include "server/store/records.h"
#include "server/store/sql.h"

namespace bestow::server {

// To be followed by a WHERE; rows are read by ReadCertificates().
extern const char kSelectCertificates[];
absl::StatusOr<std::vector<CertificateRecord>> ReadCertificates(
    SqlStatement& query);

absl::StatusOr<CertificateRecord> SelectCertificate(SqlConnection& database,
                                                    ByteView serial);
absl::StatusOr<CertificateRecord> SelectCertificateByKey(
    SqlConnection& database, int64_t identity_id,
    ByteView key_sha256_or_key_id);
absl::StatusOr<std::vector<CertificateRecord>> SelectCertificatePage(
    SqlConnection& database, const CertificateFilter& filter, const Page& page);

}  // namespace bestow::server

#endif  // SERVER_STORE_CERTIFICATE_STATEMENTS_H_
