// Connections to one SQLite file.
#ifndef SERVER_STORE_SQLITE_ENGINE_H_
#define SERVER_STORE_SQLITE_ENGINE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/store/sql.h"
#include "server/store/sqlite_connection.h"

namespace bestow::server {

class SqliteEngine : public SqlEngine {
 public:
  explicit SqliteEngine(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<std::unique_ptr<SqlConnection>> Connect(
      Access access) override {
    absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
        SqliteConnection::Open(path_, access == Access::kRead
                                          ? SqliteConnection::Mode::kReadOnly
                                          : SqliteConnection::Mode::kReadWrite);
    if (!connection.ok()) return connection.status();
    return std::unique_ptr<SqlConnection>(*std::move(connection));
  }
  bool is_shared() const override { return false; }

 private:
  const std::string path_;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_SQLITE_ENGINE_H_
