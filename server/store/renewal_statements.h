// The SQL on orders to renew early. Statuses as in store.h.
#ifndef SERVER_STORE_RENEWAL_STATEMENTS_H_
#define SERVER_STORE_RENEWAL_STATEMENTS_H_

#include <functional>

#include "server/store/database.h"
#include "server/store/records.h"

namespace bestow::server {

// `order.id` is not looked at; the new one's comes back.
absl::StatusOr<int64_t> InsertRenewalOrder(Database& database,
                                           const RenewalOrder& order);
absl::StatusOr<RenewalOrder> SelectRenewalOrder(
    Database& database, const CertificateRecord& record);
absl::Status SelectAllRenewalOrders(
    Database& database, const std::function<void(const RenewalOrder&)>& visit);

}  // namespace bestow::server

#endif  // SERVER_STORE_RENEWAL_STATEMENTS_H_
