// What libpq is told to connect to PostgreSQL.
#ifndef SERVER_STORE_POSTGRES_PARAMETERS_H_
#define SERVER_STORE_POSTGRES_PARAMETERS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/secret.h"

namespace bestow::server {

struct PostgresOptions {
  std::string connection;     // for libpq, without a password
  std::string password_file;  // empty: no password
};

// kInvalidArgument, saying what to do: not a connection string, or one with a
// password in it. Looks at nothing outside.
absl::Status CheckPostgresConnection(const std::string& connection);

// The parameters for one host.
class PostgresParameters {
 public:
  // For PQconnectStartParams(), each ended by a null; what they point to
  // belongs to the parameters.
  struct Arrays {
    std::vector<const char*> keywords;
    std::vector<const char*> values;
  };
  Arrays arrays() const;

  void Add(std::string keyword, std::string value) {
    parameters_.emplace_back(std::move(keyword), std::move(value));
  }
  void SetPassword(std::shared_ptr<const Secret> password) {
    password_ = std::move(password);
  }

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
  std::shared_ptr<const Secret> password_;
};

// One for each host that the connection names, in its order; at least one.
// kInvalidArgument, as CheckPostgresConnection(); kFailedPrecondition: the
// password's file can't be read, or others can read it.
absl::StatusOr<std::vector<PostgresParameters>> ReadPostgresParameters(
    const PostgresOptions& options);

}  // namespace bestow::server

#endif  // SERVER_STORE_POSTGRES_PARAMETERS_H_
