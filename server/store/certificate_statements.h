// The SQL that finds certificates and lists them. Statuses as in store.h.
#ifndef SERVER_STORE_CERTIFICATE_STATEMENTS_H_
#define SERVER_STORE_CERTIFICATE_STATEMENTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "server/store/listing.h"
#include "server/store/records.h"
#include "server/store/sql.h"

namespace bestow::server {

// Statements for the certificates `c`, of identities `i`, of that condition;
// rows are read by ReadCertificates(). The second is for what asks for an
// identity or a key (certificate_blocks.h).
std::string SelectCertificates(std::string_view condition);
std::string SelectCertificatesByBlock(std::string_view condition);
// The condition that it is of the identity of that name.
inline constexpr char kOfTheNamed[] =
    "c.identity_id = (SELECT id FROM identities WHERE name = ?)";
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
