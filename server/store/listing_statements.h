// The SQL of the operator's lists and counts. Statuses as in operator_store.h.
#ifndef SERVER_STORE_LISTING_STATEMENTS_H_
#define SERVER_STORE_LISTING_STATEMENTS_H_

#include <vector>

#include "server/store/listing.h"
#include "server/store/records.h"
#include "server/store/sql.h"

namespace bestow::server {

absl::StatusOr<std::vector<Identity>> SelectIdentityPage(
    SqlConnection& database, const Page& page);
absl::StatusOr<std::vector<SecretListing>> SelectSecretPage(
    SqlConnection& database, const Page& page);
absl::StatusOr<std::vector<PreSharedKeyListing>> SelectPreSharedKeyPage(
    SqlConnection& database, const Page& page);
absl::StatusOr<Statistics> SelectStatistics(SqlConnection& database,
                                            absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_STORE_LISTING_STATEMENTS_H_
