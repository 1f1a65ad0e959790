// SQLite behind SqlConnection; only this file's source includes <sqlite3.h>.
#ifndef SERVER_STORE_SQLITE_CONNECTION_H_
#define SERVER_STORE_SQLITE_CONNECTION_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sql.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bestow::server {

class SqliteConnection : public SqlConnection {
 public:
  enum class Mode { kCreate, kReadWrite, kReadOnly };
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(
      const std::string& path, Mode mode);
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  SqlDialect dialect() const override { return SqlDialect::kSqlite; }
  absl::Status Execute(const std::string& sql) override;
  absl::StatusOr<SqlStatement> Prepare(std::string_view sql) override;
  absl::Status BeginWriting() override;
  absl::Status BeginReading() override;
  bool in_transaction() const override;
  bool is_alive() const override { return true; }

  // Writes all that is committed to a new file at `path`, a database of its
  // own, while others go on writing (SQLite's online backup).
  absl::Status BackupTo(const std::string& path);

 private:
  class Cursor;
  explicit SqliteConnection(sqlite3* db) : db_(db) {}
  absl::Status Error() const;

  sqlite3* db_;
  // Statements that are not running, by their text.
  std::map<std::string, std::vector<sqlite3_stmt*>, std::less<>> idle_;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_SQLITE_CONNECTION_H_
