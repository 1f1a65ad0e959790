#include "server/store/restored.h"

#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/audit_statements.h"
#include "server/store/setting_names.h"
#include "server/store/sqlite_connection.h"

namespace bestow::server {
namespace {

using Connection = std::unique_ptr<SqliteConnection>;

absl::Status VoidSecrets(SqlConnection& database, absl::Time made_at,
                         RestoredCounts& counts) {
  absl::StatusOr<SqlStatement> count = database.Prepare(
      "SELECT count(*) FROM secrets WHERE bound_at IS NULL AND expires_at > ?");
  if (!count.ok()) return count.status();
  absl::Status status = count->Bind(made_at).ExpectRow("count");
  if (!status.ok()) return status;
  counts.voided_secrets = count->Int(0);
  absl::StatusOr<SqlStatement> update = database.Prepare(
      "UPDATE secrets SET expires_at = ?"
      " WHERE bound_at IS NULL AND expires_at > ?");
  if (!update.ok()) return update.status();
  return update->Bind(made_at).Bind(made_at).Run();
}

absl::Status NoteBackup(SqlConnection& database, absl::Time made_at) {
  absl::Status status = database.Execute("DELETE FROM digest_nonces");
  for (std::string_view name : {kNonceKeySetting, kRestoredSetting}) {
    if (!status.ok()) return status;
    absl::StatusOr<SqlStatement> remove =
        database.Prepare("DELETE FROM settings WHERE name = ?");
    if (!remove.ok()) return remove.status();
    status = remove->Bind(name).Run();
  }
  if (!status.ok()) return status;
  absl::StatusOr<SqlStatement> insert =
      database.Prepare("INSERT INTO settings (name, value) VALUES (?, ?)");
  if (!insert.ok()) return insert.status();
  const std::string text =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", made_at, absl::UTCTimeZone());
  return insert->Bind(std::string_view(kRestoredSetting))
      .Bind(AsBytes(text))
      .Run();
}

// The rows that the pragma answers; `good` is what it says when all is well.
absl::Status ExpectPragma(SqlConnection& database, std::string_view pragma,
                          std::string_view good) {
  absl::StatusOr<SqlStatement> query = database.Prepare(pragma);
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> row = query->Step();
  if (!row.ok()) return row.status();
  if (*row ? query->Text(0) == good : good.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the database is damaged (", pragma,
                                          ": ", query->Text(0), ")"));
}

}  // namespace

absl::Status CheckSqliteFile(const std::string& path) {
  absl::StatusOr<Connection> database =
      SqliteConnection::Open(path, SqliteConnection::Mode::kReadWrite);
  if (!database.ok()) return database.status();
  absl::Status status =
      ExpectPragma(**database, "PRAGMA integrity_check", "ok");
  if (!status.ok()) return status;
  return ExpectPragma(**database, "PRAGMA foreign_key_check", "");
}

absl::StatusOr<RestoredCounts> MarkRestored(const std::string& path,
                                            absl::Time made_at,
                                            const AuditEntry& audit) {
  absl::StatusOr<Connection> database =
      SqliteConnection::Open(path, SqliteConnection::Mode::kReadWrite);
  if (!database.ok()) return database.status();
  RestoredCounts counts;
  absl::Status status = InWriteTransaction(**database, [&]() -> absl::Status {
    absl::Status done = VoidSecrets(**database, made_at, counts);
    if (done.ok()) done = NoteBackup(**database, made_at);
    if (!done.ok()) return done;
    AuditEntry entry = audit;
    absl::StrAppend(&entry.detail, "; ", counts.voided_secrets,
                    " one-time secrets that were not used are void");
    return AppendAudit(**database, std::move(entry));
  });
  if (!status.ok()) return status;
  return counts;
}

}  // namespace bestow::server
