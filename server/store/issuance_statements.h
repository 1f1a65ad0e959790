// The SQL that issues. Runs inside the caller's transaction. Statuses as in
// enrollment_store.h.
#ifndef SERVER_STORE_ISSUANCE_STATEMENTS_H_
#define SERVER_STORE_ISSUANCE_STATEMENTS_H_

#include "server/store/enrollment_store.h"
#include "server/store/sql.h"

namespace bestow::server {

// The record, and the binding of its one-time secret and the taking of its
// approval when it has them. A secret or an approval that is already bound to
// the record's key gives the certificate that it gave before.
absl::StatusOr<Issued> InsertIssuance(SqlConnection& database,
                                      Issuance issuance);

}  // namespace bestow::server

#endif  // SERVER_STORE_ISSUANCE_STATEMENTS_H_
