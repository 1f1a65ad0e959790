// The SQL on orders to renew early. Statuses as in store.h.
#ifndef SERVER_STORE_RENEWAL_STATEMENTS_H_
#define SERVER_STORE_RENEWAL_STATEMENTS_H_

#include <vector>

#include "server/store/listing.h"
#include "server/store/records.h"
#include "server/store/sql.h"

namespace bestow::server {

// `order.id` is not looked at; the new one's comes back.
absl::StatusOr<int64_t> InsertRenewalOrder(SqlConnection& database,
                                           const RenewalOrder& order);
absl::StatusOr<RenewalOrder> SelectRenewalOrder(
    SqlConnection& database, const CertificateRecord& record);
absl::StatusOr<std::vector<RenewalOrder>> SelectRenewalOrders(
    SqlConnection& database, const Page& page);

}  // namespace bestow::server

#endif  // SERVER_STORE_RENEWAL_STATEMENTS_H_
