// For tests: a PostgreSQL server of the distribution's own, on a unix socket.
#ifndef SERVER_STORE_POSTGRES_FIXTURE_H_
#define SERVER_STORE_POSTGRES_FIXTURE_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bestow::server {

// Lives in a folder of its own under /tmp, since the path of a socket is short,
// and ends with this object or the thread that made it. As root it runs as
// another user, for PostgreSQL refuses root. Not thread-safe.
class PostgresServer {
 public:
  // kNotFound: PostgreSQL is not installed.
  static absl::StatusOr<std::unique_ptr<PostgresServer>> Start();
  // One for the whole test program, started by the first call.
  static PostgresServer& Shared();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // A fresh, empty database; returns how to connect to it.
  absl::StatusOr<std::string> CreateDatabase();
  std::string ConnectionTo(const std::string& database) const;
  // One or more statements, as the superuser.
  absl::Status Execute(const std::string& database, const std::string& sql);

  // As a crash (pg_ctl stop -m immediate), and until it answers again.
  absl::Status Kill();
  absl::Status StartAgain();
  // The process of the server: those of its connections are its children.
  pid_t process() const { return server_; }

 private:
  explicit PostgresServer(std::string folder) : folder_(std::move(folder)) {}
  absl::Status RunTool(const std::string& tool,
                       const std::vector<std::string>& arguments);
  absl::StatusOr<pid_t> Spawn(const std::string& tool,
                              const std::vector<std::string>& arguments);

  const std::string folder_;
  std::string programs_;  // the folder of initdb and postgres
  pid_t server_ = -1;
  int databases_ = 0;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_POSTGRES_FIXTURE_H_
