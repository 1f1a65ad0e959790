#include "server/store/backup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/store/schema.h"
#include "server/store/sqlite_connection.h"

namespace bestow::server {
namespace {

constexpr int64_t kPageRows = 1000;

// Columns are "name" of an integer, "name:t" of text, "name:b" of octets. The
// first `key_columns` order the table, and say which rows are still to come.
struct Table {
  const char* name;
  size_t key_columns;
  const char* columns;
};

// Each after those that it refers to.
constexpr Table kTables[] = {
    {"identities", 1, "id,name:t,password:t,created_at,is_ra,removed_at"},
    {"identity_labels", 2, "identity_id,label:t"},
    {"certificates", 1,
     "id,serial:b,identity_id,operation:t,subject:t,not_before,not_after,"
     "issued_at,key_sha256:b,certificate:b,label:t,server_key,subject_key_id:b,"
     "issuer_key_id:b,revoked_at,revocation_reason,invalidity_date,"
     "revocation_changed_at,first_id"},
    {"secrets", 1,
     "id,identity_id,secret_sha256:b,created_at,expires_at,bound_key_sha256:b,"
     "bound_at,certificate_id"},
    {"digest_secrets", 1,
     "id,identity_id,secret_id,realm:t,algorithm:t,sealed_ha1:b"},
    {"pre_shared_keys", 1,
     "id,key_identifier:b,identity_id,sealed_key:b,created_at"},
    {"pending_requests", 1,
     "id,label:t,identity_id,key_sha256:b,subject_der:b,operation:t,subject:t,"
     "csr:b,created_at,expires_at,state:t,reason:t,decided_at,certificate_id"},
    {"renewal_orders", 1,
     "id,label:t,issued_before,window_start,window_end,created_at"},
    {"crls", 1,
     "id,issuer_key_id:b,number,base_number,this_update,next_update,der:b"},
    {"trust_anchors", 1, "id,label:t,name:t,certificate:b,added_at"},
    {"settings", 1, "name:t,value:b"},
    {"digest_nonces", 1, "id:b,highest,seen,expires_at"},
    {"audit_log", 1,
     "sequence,at_ms,actor:t,source:t,action:t,outcome:t,label:t,subject:t,"
     "detail:t,serial:b,hash:b"},
};

enum class Kind { kInt, kText, kBlob };
struct Column {
  std::string name;
  Kind kind;
};

std::vector<Column> ColumnsOf(const Table& table) {
  std::vector<Column> columns;
  for (std::string_view text : absl::StrSplit(table.columns, ',')) {
    const std::vector<std::string> parts = absl::StrSplit(text, ':');
    const Kind kind = parts.size() == 1 ? Kind::kInt
                      : parts[1] == "t" ? Kind::kText
                                        : Kind::kBlob;
    columns.push_back({parts[0], kind});
  }
  return columns;
}

void CopyCell(const SqlStatement& row, int column, Kind kind,
              SqlStatement& into) {
  if (row.IsNull(column)) {
    into.BindOrNull(std::optional<int64_t>());
    return;
  }
  switch (kind) {
    case Kind::kInt:
      into.Bind(row.Int(column));
      return;
    case Kind::kText:
      into.Bind(row.Text(column));
      return;
    case Kind::kBlob:
      into.Bind(ByteView(row.Blob(column)));
      return;
  }
}

std::string NamesOf(const std::vector<Column>& columns, size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back(columns[i].name);
  return absl::StrJoin(names, ", ");
}

std::string Marks(size_t count) {
  return absl::StrJoin(std::vector<std::string>(count, "?"), ", ");
}

// Binds the key of a row again, when that row is gone.
using KeyBinder = std::function<void(SqlStatement&)>;

KeyBinder KeyOf(const SqlStatement& row, const std::vector<Column>& columns,
                size_t key_columns) {
  std::vector<KeyBinder> binders;
  for (size_t i = 0; i < key_columns; ++i) {
    const int column = static_cast<int>(i);
    switch (columns[i].kind) {
      case Kind::kInt:
        binders.push_back([value = row.Int(column)](SqlStatement& query) {
          query.Bind(value);
        });
        break;
      case Kind::kText:
        binders.push_back([value = row.Text(column)](SqlStatement& query) {
          query.Bind(value);
        });
        break;
      case Kind::kBlob:
        binders.push_back([value = row.Blob(column)](SqlStatement& query) {
          query.Bind(ByteView(value));
        });
        break;
    }
  }
  return [binders = std::move(binders)](SqlStatement& query) {
    for (const KeyBinder& bind : binders) bind(query);
  };
}

absl::Status CopyTable(SqlConnection& from, SqlConnection& to,
                       const Table& table) {
  const std::vector<Column> columns = ColumnsOf(table);
  const std::string keys = NamesOf(columns, table.key_columns);
  const std::string names = NamesOf(columns, columns.size());
  const std::string insert_sql =
      absl::StrCat("INSERT INTO ", table.name, " (", names, ") VALUES (",
                   Marks(columns.size()), ")");
  KeyBinder after;  // empty: the first page
  for (;;) {
    absl::StatusOr<SqlStatement> query = from.Prepare(
        absl::StrCat("SELECT ", names, " FROM ", table.name,
                     after ? absl::StrCat(" WHERE (", keys, ") > (",
                                          Marks(table.key_columns), ")")
                           : "",
                     " ORDER BY ", keys, " LIMIT ?"));
    if (!query.ok()) return query.status();
    if (after) after(*query);
    int64_t rows = 0;
    absl::Status status =
        query->Bind(kPageRows).ForEachRow([&]() -> absl::Status {
          absl::StatusOr<SqlStatement> insert = to.Prepare(insert_sql);
          if (!insert.ok()) return insert.status();
          for (size_t i = 0; i < columns.size(); ++i) {
            CopyCell(*query, static_cast<int>(i), columns[i].kind, *insert);
          }
          after = KeyOf(*query, columns, table.key_columns);
          ++rows;
          return insert->Run();
        });
    if (!status.ok()) return status;
    if (rows < kPageRows) return absl::OkStatus();
  }
}

absl::Status CheckSame(SqlConnection& from, SqlConnection& to) {
  absl::StatusOr<int64_t> version = SchemaVersion(from);
  if (!version.ok()) return version.status();
  if (*version != kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the backup is of schema ", *version, ", not ", kSchemaVersion,
        ": restore it as SQLite, which brings it up, and back that up"));
  }
  for (const Table& table : kTables) {
    absl::StatusOr<SqlStatement> query =
        to.Prepare(absl::StrCat("SELECT 1 FROM ", table.name, " LIMIT 1"));
    if (!query.ok()) return query.status();
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    if (*row) {
      return absl::FailedPreconditionError(
          absl::StrCat("the database is not empty (", table.name,
                       "): restore into a new one, nothing was changed"));
    }
  }
  return absl::OkStatus();
}

// PostgreSQL counts ids apart from the rows.
absl::Status CountOn(SqlConnection& to) {
  for (const Table& table : kTables) {
    if (!absl::StartsWith(table.columns, "id,")) continue;
    absl::Status status = to.Execute(
        absl::StrCat("SELECT setval(pg_get_serial_sequence('", table.name,
                     "', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM ",
                     table.name, "), false)"));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// What SQLite was told not to look at while rows came.
absl::Status CheckReferences(SqlConnection& to) {
  absl::StatusOr<SqlStatement> query = to.Prepare("PRAGMA foreign_key_check");
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> row = query->Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the backup refers to a row that is not in it, from ", query->Text(0)));
}

absl::Status CopyAll(SqlConnection& from, SqlConnection& to) {
  absl::Status status = CheckSame(from, to);
  if (!status.ok()) return status;
  for (const Table& table : kTables) {
    if (!status.ok()) return status;
    status = CopyTable(from, to, table);
  }
  if (!status.ok()) return status;
  return to.dialect() == SqlDialect::kPostgresql ? CountOn(to)
                                                 : CheckReferences(to);
}

}  // namespace

absl::Status WriteBackup(SqlConnection& from, const std::string& path) {
  struct stat there;
  if (lstat(path.c_str(), &there) == 0) {
    return absl::AlreadyExistsError(absl::StrCat(path, " is there already"));
  }
  if (auto* sqlite = dynamic_cast<SqliteConnection*>(&from)) {
    return sqlite->BackupTo(path);
  }
  absl::StatusOr<std::unique_ptr<SqliteConnection>> to =
      SqliteConnection::Open(path, SqliteConnection::Mode::kCreate);
  if (!to.ok()) return to.status();
  absl::Status status = CreateSchema(**to);
  if (status.ok()) status = CopyTables(from, **to);
  // One file, without a log beside it.
  if (status.ok()) status = (*to)->Execute("PRAGMA journal_mode=DELETE");
  if (!status.ok()) unlink(path.c_str());
  return status;
}

absl::Status CopyTables(SqlConnection& from, SqlConnection& to) {
  const bool sqlite = to.dialect() == SqlDialect::kSqlite;
  absl::Status status = from.BeginReading();
  if (!status.ok()) return status;
  // They are looked at when all rows are there.
  if (sqlite) status = to.Execute("PRAGMA foreign_keys=OFF");
  if (status.ok()) {
    status = InWriteTransaction(to, [&] { return CopyAll(from, to); });
  }
  from.Execute("ROLLBACK").IgnoreError();
  if (sqlite) to.Execute("PRAGMA foreign_keys=ON").IgnoreError();
  return status;
}

}  // namespace bestow::server
