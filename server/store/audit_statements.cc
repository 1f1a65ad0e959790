#include "server/store/audit_statements.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/audit_chain.h"
#include "server/store/storable_text.h"

namespace bestow::server {
namespace {

constexpr char kSelectAudit[] =
    "SELECT sequence, at_ms, actor, source, action, outcome, label, subject,"
    " detail, serial, hash FROM audit_log ";

AuditRecord ReadRecord(const SqlStatement& row) {
  AuditRecord record;
  record.sequence = row.Int(0);
  record.entry.at = absl::FromUnixMillis(row.Int(1));
  record.entry.actor = row.Text(2);
  record.entry.source = row.Text(3);
  record.entry.action = row.Text(4);
  record.entry.outcome = row.Text(5);
  record.entry.label = row.Text(6);
  record.entry.subject = row.Text(7);
  record.entry.detail = row.Text(8);
  record.entry.serial = row.Blob(9);
  record.hash = row.Blob(10);
  return record;
}

}  // namespace

absl::Status AppendAudit(SqlConnection& database, AuditEntry entry) {
  if (entry.action.empty()) return absl::OkStatus();
  for (std::string* text :
       {&entry.actor, &entry.source, &entry.action, &entry.outcome,
        &entry.label, &entry.subject, &entry.detail}) {
    *text = StorableText(*text, kMaxAuditText);
  }
  absl::StatusOr<SqlStatement> last = database.Prepare(
      "SELECT sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1");
  if (!last.ok()) return last.status();
  absl::StatusOr<bool> row = last->Step();
  if (!row.ok()) return row.status();
  const int64_t sequence = *row ? last->Int(0) + 1 : 1;
  const Bytes previous = *row ? last->Blob(1) : FirstAuditHash();
  const AuditRecord record{sequence, std::move(entry), {}};
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO audit_log (sequence, at_ms, actor, source, action, outcome,"
      " label, subject, detail, serial, hash)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  return insert->Bind(record.sequence)
      .Bind(absl::ToUnixMillis(record.entry.at))
      .Bind(record.entry.actor)
      .Bind(record.entry.source)
      .Bind(record.entry.action)
      .Bind(record.entry.outcome)
      .Bind(record.entry.label)
      .Bind(record.entry.subject)
      .Bind(record.entry.detail)
      .Bind(ByteView(record.entry.serial))
      .Bind(ByteView(AuditHash(previous, record)))
      .Run();
}

absl::StatusOr<std::vector<AuditRecord>> SelectAudit(SqlConnection& database,
                                                     int64_t after_sequence,
                                                     size_t limit) {
  absl::StatusOr<SqlStatement> query = database.Prepare(absl::StrCat(
      kSelectAudit, "WHERE sequence > ? ORDER BY sequence LIMIT ?"));
  if (!query.ok()) return query.status();
  query->Bind(after_sequence).Bind(static_cast<int64_t>(limit));
  std::vector<AuditRecord> records;
  absl::Status status = query->ForEachRow([&] {
    records.push_back(ReadRecord(*query));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return records;
}

absl::StatusOr<AuditRecord> SelectLastAudit(SqlConnection& database) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      absl::StrCat(kSelectAudit, "ORDER BY sequence DESC LIMIT 1"));
  if (!query.ok()) return query.status();
  absl::Status status = query->ExpectRow("audit entry");
  if (!status.ok()) return status;
  return ReadRecord(*query);
}

}  // namespace bestow::server
