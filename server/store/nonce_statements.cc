#include "server/store/nonce_statements.h"

#include "server/store/nonce_window.h"

namespace bestow::server {

absl::StatusOr<bool> TakeNonce(SqlConnection& database, const NonceUse& use) {
  absl::StatusOr<SqlStatement> remove =
      database.Prepare("DELETE FROM digest_nonces WHERE expires_at < ?");
  if (!remove.ok()) return remove.status();
  absl::Status status = remove->Bind(use.now).Run();
  if (!status.ok()) return status;

  NonceWindow window;
  absl::StatusOr<SqlStatement> query =
      database.Prepare("SELECT highest, seen FROM digest_nonces WHERE id = ?");
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> row = query->Bind(ByteView(use.id)).Step();
  if (!row.ok()) return row.status();
  if (*row) {
    window.highest = static_cast<uint32_t>(query->Int(0));
    window.seen = static_cast<uint64_t>(query->Int(1));
  }
  if (!window.Take(use.nc)) return false;
  absl::StatusOr<SqlStatement> upsert = database.Prepare(
      "INSERT INTO digest_nonces (id, highest, seen, expires_at)"
      " VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
      " SET highest = excluded.highest, seen = excluded.seen");
  if (!upsert.ok()) return upsert.status();
  status = upsert->Bind(ByteView(use.id))
               .Bind(int64_t{window.highest})
               .Bind(static_cast<int64_t>(window.seen))
               .Bind(use.expires_at)
               .Run();
  if (!status.ok()) return status;
  return true;
}

}  // namespace bestow::server
