// The SQL on Digest nonces. Runs inside the caller's transaction.
#ifndef SERVER_STORE_NONCE_STATEMENTS_H_
#define SERVER_STORE_NONCE_STATEMENTS_H_

#include "server/store/nonce_store.h"
#include "server/store/sql.h"

namespace bestow::server {

absl::StatusOr<bool> TakeNonce(SqlConnection& database, const NonceUse& use);

}  // namespace bestow::server

#endif  // SERVER_STORE_NONCE_STATEMENTS_H_
