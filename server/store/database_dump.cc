#include "server/store/database_dump.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/store/sql.h"
#include "server/store/sqlite_connection.h"

namespace bestow::server {
namespace {

absl::StatusOr<std::vector<std::string>> FirstColumn(SqlConnection& database,
                                                     const std::string& sql) {
  absl::StatusOr<SqlStatement> query = database.Prepare(sql);
  if (!query.ok()) return query.status();
  std::vector<std::string> values;
  for (;;) {
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    if (!*row) return values;
    values.push_back(query->Text(0));
  }
}

}  // namespace

absl::StatusOr<std::string> DumpDatabase(const std::string& path,
                                         const std::string& but_for) {
  absl::StatusOr<std::unique_ptr<SqliteConnection>> opened =
      SqliteConnection::Open(path, SqliteConnection::Mode::kReadOnly);
  if (!opened.ok()) return opened.status();
  SqlConnection& database = **opened;
  absl::StatusOr<std::vector<std::string>> tables = FirstColumn(
      database,
      "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1");
  if (!tables.ok()) return tables.status();
  std::string dump;
  for (const std::string& table : *tables) {
    if (table == but_for) continue;
    absl::StatusOr<std::vector<std::string>> columns = FirstColumn(
        database,
        absl::StrCat("SELECT 'quote(' || name || ')' FROM pragma_table_info('",
                     table, "')"));
    if (!columns.ok()) return columns.status();
    absl::StatusOr<std::vector<std::string>> rows = FirstColumn(
        database, absl::StrCat("SELECT ", absl::StrJoin(*columns, "||' '||"),
                               " FROM ", table, " ORDER BY 1"));
    if (!rows.ok()) return rows.status();
    for (const std::string& row : *rows) {
      absl::StrAppend(&dump, table, ": ", row, "\n");
    }
  }
  return dump;
}

}  // namespace bestow::server
