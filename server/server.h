// The running server: worker threads, each with its own loop and connections,
// on shared listening sockets.
#ifndef SERVER_SERVER_H_
#define SERVER_SERVER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/net/event_loop.h"
#include "common/net/http_server.h"
#include "common/tls/tls_context.h"
#include "server/admin/state_folder.h"
#include "server/auth/authenticator.h"
#include "server/est/est_service.h"
#include "server/store/sqlite_store.h"

namespace bestow::server {

class Server {
 public:
  // `clock` must outlive it, `listening_fds` stay open as long. `log_line` is
  // called from every worker's thread. Nothing is accepted before Run().
  static absl::StatusOr<std::unique_ptr<Server>> Create(
      ServerState state, std::unique_ptr<SqliteStore> store,
      std::vector<int> listening_fds, const Clock& clock,
      Exchange::LogLine log_line);
  ~Server();

  // Serves until Stop(); returns when requests under way have been answered or
  // limits.drain_timeout is over.
  void Run();
  // Thread-safe; more than once is once.
  void Stop();

 private:
  struct Worker {
    std::unique_ptr<EventLoop> loop;
    std::unique_ptr<HttpServer> http;
    std::thread thread;
  };

  Server(const Config& config, std::unique_ptr<SqliteStore> store);
  absl::Status AddWorker(const std::vector<int>& listening_fds,
                         size_t max_connections);

  std::atomic<bool> stopping_{false};
  const LimitsConfig limits_;
  const int max_body_bytes_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<const TlsContext> tls_;
  Exchange::LogLine log_line_;
  // The threads of what stands below post to the workers' loops until they are
  // joined: the loops must go after them.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<Authenticator> authenticator_;  // uses store_
  std::unique_ptr<EstService> service_;
};

}  // namespace bestow::server

#endif  // SERVER_SERVER_H_
