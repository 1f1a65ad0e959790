// PostgreSQL behind SqlConnection. No header includes
// <postgresql/libpq-fe.h>.
#ifndef SERVER_STORE_POSTGRES_CONNECTION_H_
#define SERVER_STORE_POSTGRES_CONNECTION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/postgres_parameters.h"
#include "server/store/sql.h"

struct pg_conn;
struct pg_result;

namespace bestow::server {

// Over TCP the server has to show its certificate, unless the connection says
// otherwise (sslmode). Nothing of it blocks for ever: connecting, and each
// answer, has a deadline, after which the connection is lost.
class PostgresConnection : public SqlConnection {
 public:
  // kFailedPrecondition also: the password's file can't be read, or others can
  // read it; with kWrite, a server that would answer a commit before it is on
  // its disk.
  static absl::StatusOr<std::unique_ptr<PostgresConnection>> Open(
      const PostgresOptions& options, SqlEngine::Access access);
  ~PostgresConnection() override;
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  SqlDialect dialect() const override { return SqlDialect::kPostgresql; }
  absl::Status Execute(const std::string& sql) override;
  absl::StatusOr<SqlStatement> Prepare(std::string_view sql) override;
  // Takes the one lock of all writers on all servers, until the end.
  absl::Status BeginWriting() override;
  absl::Status BeginReading() override;
  bool in_transaction() const override;
  bool is_alive() const override;

 private:
  class Cursor;
  struct Parameter {
    uint32_t type = 0;  // an OID; 0: the server's choice
    bool is_null = false;
    std::string value;  // binary
  };
  struct ResultDeleter {
    void operator()(pg_result* result) const;
  };
  using Result = std::unique_ptr<pg_result, ResultDeleter>;

  PostgresConnection(pg_conn* connection, absl::Duration answer_within);
  static absl::StatusOr<std::unique_ptr<PostgresConnection>> OpenHost(
      const PostgresParameters& host, SqlEngine::Access access,
      absl::Duration within);
  absl::Status Connect(absl::Duration within);
  absl::Status Configure(SqlEngine::Access access);
  absl::Status ExpectSetting(const std::string& name,
                             const std::string& advice);
  absl::StatusOr<Result> Run(const std::string& sql,
                             const std::vector<Parameter>& parameters);
  // The name of the statement as prepared for parameters of these types.
  absl::StatusOr<std::string> PrepareNamed(
      const std::string& sql, const std::vector<Parameter>& parameters);
  // Waits for what was sent; the last result, or the first error.
  absl::StatusOr<Result> Await();
  absl::Status WaitForSocket(short events, absl::Time deadline);
  absl::Status Lost(std::string_view why);
  absl::Status StatusOf(const pg_result* result);

  pg_conn* const connection_;
  const absl::Duration answer_within_;
  bool lost_ = false;
  std::map<std::string, std::string, std::less<>> prepared_;  // to names
};

}  // namespace bestow::server

#endif  // SERVER_STORE_POSTGRES_CONNECTION_H_
