// Connections to one PostgreSQL database.
#ifndef SERVER_STORE_POSTGRES_ENGINE_H_
#define SERVER_STORE_POSTGRES_ENGINE_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "server/store/postgres_connection.h"
#include "server/store/sql.h"

namespace bestow::server {

class PostgresEngine : public SqlEngine {
 public:
  explicit PostgresEngine(PostgresOptions options)
      : options_(std::move(options)) {}

  absl::StatusOr<std::unique_ptr<SqlConnection>> Connect(
      Access access) override {
    absl::StatusOr<std::unique_ptr<PostgresConnection>> connection =
        PostgresConnection::Open(options_, access);
    if (!connection.ok()) return connection.status();
    return std::unique_ptr<SqlConnection>(*std::move(connection));
  }
  bool is_shared() const override { return true; }

 private:
  const PostgresOptions options_;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_POSTGRES_ENGINE_H_
