// The SQL on trust anchors and settings. Writing functions run inside the
// caller's transaction. Statuses as in operator_store.h and settings_store.h.
#ifndef SERVER_STORE_ANCHOR_STATEMENTS_H_
#define SERVER_STORE_ANCHOR_STATEMENTS_H_

#include <string>
#include <vector>

#include "server/store/operator_store.h"
#include "server/store/sql.h"

namespace bestow::server {

absl::StatusOr<int64_t> InsertTrustAnchor(SqlConnection& database,
                                          const TrustAnchorRecord& anchor);
absl::Status DeleteTrustAnchor(SqlConnection& database, int64_t id);
absl::StatusOr<std::vector<TrustAnchorRecord>> SelectTrustAnchors(
    SqlConnection& database);
absl::StatusOr<int64_t> SelectAnchorsVersion(SqlConnection& database);

absl::StatusOr<Bytes> SelectSetting(SqlConnection& database,
                                    const std::string& name);
absl::Status UpsertSetting(SqlConnection& database, const std::string& name,
                           ByteView value);

}  // namespace bestow::server

#endif  // SERVER_STORE_ANCHOR_STATEMENTS_H_
