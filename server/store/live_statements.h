// How many certificates of an identity live.
#ifndef SERVER_STORE_LIVE_STATEMENTS_H_
#define SERVER_STORE_LIVE_STATEMENTS_H_

#include "absl/status/status.h"
#include "server/store/enrollment_store.h"
#include "server/store/sql.h"

namespace bestow::server {

// kOutOfRange: with the issuance's certificate, which has its row already, more
// than issuance.max_live are live at its label. A certificate is replaced, and
// does not count, when a newer one of the identity is of the same line of
// renewals, or of the same key and label.
//
// As a line has one live certificate at most, few lines need no more looking:
// so it is for a new identity, and for one that renews what it has. Else the
// identity is looked for in all blocks (certificate_blocks.h).
absl::Status CheckLive(SqlConnection& database, const Issuance& issuance);

}  // namespace bestow::server

#endif  // SERVER_STORE_LIVE_STATEMENTS_H_
