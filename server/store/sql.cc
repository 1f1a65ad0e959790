#include "server/store/sql.h"

#include "absl/strings/str_cat.h"

namespace bestow::server {

SqlStatement& SqlStatement::Bind(int64_t value) {
  cursor_->BindInt(value);
  return *this;
}

SqlStatement& SqlStatement::Bind(absl::Time time) {
  return Bind(absl::ToUnixSeconds(time));
}

SqlStatement& SqlStatement::Bind(std::string_view text) {
  cursor_->BindText(text);
  return *this;
}

SqlStatement& SqlStatement::Bind(ByteView blob) {
  cursor_->BindBlob(blob);
  return *this;
}

SqlStatement& SqlStatement::BindOrNull(std::optional<int64_t> value) {
  if (value.has_value()) return Bind(*value);
  cursor_->BindNull();
  return *this;
}

SqlStatement& SqlStatement::BindOrNull(std::optional<absl::Time> time) {
  if (time.has_value()) return Bind(*time);
  cursor_->BindNull();
  return *this;
}

SqlStatement& SqlStatement::BindOrNull(const std::optional<std::string>& text) {
  if (text.has_value()) return Bind(*text);
  cursor_->BindNull();
  return *this;
}

absl::Status SqlStatement::Run() {
  for (;;) {
    absl::StatusOr<bool> row = Step();
    if (!row.ok() || !*row) return row.status();
  }
}

absl::Status SqlStatement::ExpectRow(std::string_view what) {
  absl::StatusOr<bool> row = Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError(absl::StrCat("no such ", what));
  return absl::OkStatus();
}

absl::Status SqlStatement::ForEachRow(
    const std::function<absl::Status()>& visit) {
  for (;;) {
    absl::StatusOr<bool> row = Step();
    if (!row.ok() || !*row) return row.status();
    absl::Status status = visit();
    if (!status.ok()) return status;
  }
}

absl::Time SqlStatement::Time(int column) const {
  return absl::FromUnixSeconds(Int(column));
}

std::optional<absl::Time> SqlStatement::OptionalTime(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Time(column);
}

absl::Status InWriteTransaction(SqlConnection& connection,
                                const std::function<absl::Status()>& steps) {
  absl::Status status = connection.BeginWriting();
  if (!status.ok()) return status;
  status = steps();
  if (status.ok()) status = connection.Execute("COMMIT");
  if (!status.ok() && connection.in_transaction()) {
    // The first error is the one to report.
    connection.Execute("ROLLBACK").IgnoreError();
  }
  return status;
}

absl::StatusOr<int64_t> ReturnedId(SqlStatement& insert) {
  absl::Status status = insert.ExpectRow("inserted row");
  if (!status.ok()) return status;
  const int64_t id = insert.Int(0);
  status = insert.Run();
  if (!status.ok()) return status;
  return id;
}

}  // namespace bestow::server
