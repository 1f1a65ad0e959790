#include "server/store/live_statements.h"

#include <cstdint>
#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/store/certificate_blocks.h"

namespace bestow::server {
namespace {

// True: the identity has at most `most` lines of renewals, over all time and
// labels.
absl::StatusOr<bool> HasFewLines(SqlConnection& database, int64_t identity_id,
                                 int64_t most) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT count(*) FROM (SELECT 1 FROM certificates"
      " WHERE identity_id = ? AND first_id IS NULL LIMIT ?) AS lines");
  if (!query.ok()) return query.status();
  absl::Status status =
      query->Bind(identity_id).Bind(most + 1).ExpectRow("count");
  if (!status.ok()) return status;
  return query->Int(0) <= most;
}

// The oldest that is neither over nor revoked, replaced or not: what is older
// replaces nothing that counts.
absl::StatusOr<int64_t> OldestValid(SqlConnection& database,
                                    const CertificateRecord& record) {
  absl::StatusOr<SqlStatement> query = database.Prepare(absl::StrCat(
      kWithBlocks,
      "SELECT min(c.id) FROM block CROSS JOIN certificates c"
      " WHERE c.id >> 10 = block.n AND c.identity_id = ? AND c.not_after >= ?"
      " AND c.label = ? AND c.revoked_at IS NULL"));
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(record.identity_id)
                            .Bind(record.issued_at)
                            .Bind(record.label)
                            .ExpectRow("minimum");
  if (!status.ok()) return status;
  return query->Int(0);
}

// Counts no further than to `most` + 1.
absl::StatusOr<int64_t> CountLive(SqlConnection& database,
                                  const CertificateRecord& record,
                                  int64_t most) {
  absl::StatusOr<int64_t> oldest = OldestValid(database, record);
  if (!oldest.ok()) return oldest.status();
  absl::StatusOr<SqlStatement> query = database.Prepare(absl::StrCat(
      kWithBlocks,
      "SELECT coalesce(c.first_id, c.id), c.key_sha256, c.label, c.not_after,"
      " c.revoked_at FROM block CROSS JOIN certificates c"
      " WHERE c.id >> 10 = block.n AND c.identity_id = ? AND c.id >= ?"
      " ORDER BY c.id DESC"));
  if (!query.ok()) return query.status();
  query->Bind(record.identity_id).Bind(*oldest);
  int64_t live = 0;
  std::set<int64_t> lines;
  std::set<Bytes> keys;  // at the label
  while (live <= most) {
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    if (!*row) break;
    const bool is_newest_of_line = lines.insert(query->Int(0)).second;
    if (query->Text(2) != record.label) continue;
    const bool is_newest_of_key = keys.insert(query->Blob(1)).second;
    if (is_newest_of_line && is_newest_of_key && query->IsNull(4) &&
        query->Time(3) >=
            absl::FromUnixSeconds(absl::ToUnixSeconds(record.issued_at))) {
      ++live;
    }
  }
  return live;
}

}  // namespace

absl::Status CheckLive(SqlConnection& database, const Issuance& issuance) {
  if (issuance.max_live <= 0) return absl::OkStatus();
  const CertificateRecord& record = issuance.record;
  absl::StatusOr<bool> few =
      HasFewLines(database, record.identity_id, issuance.max_live);
  if (!few.ok()) return few.status();
  if (*few) return absl::OkStatus();
  absl::StatusOr<int64_t> live = CountLive(database, record, issuance.max_live);
  if (!live.ok()) return live.status();
  if (*live <= issuance.max_live) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat(
      record.identity,
      " has as many valid certificates as its profile allows (",
      issuance.max_live, "): renew one, or ask the operator to revoke one"));
}

}  // namespace bestow::server
