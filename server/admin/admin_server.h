// The running server's end of the admin socket.
#ifndef SERVER_ADMIN_ADMIN_SERVER_H_
#define SERVER_ADMIN_ADMIN_SERVER_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/net/event_loop.h"
#include "common/net/http_server.h"
#include "server/admin/admin_call.h"
#include "server/admin/admin_socket.h"

namespace bestow::server {

// One thread for its connections, a few that perform what they ask: no worker
// of the EST service waits for an operator. Connections, their number, what
// they send and how long they take are bounded (HttpServer).
class AdminServer {
 public:
  // On one of the performing threads; may wait for the disk.
  using Perform = std::function<absl::StatusOr<Json>(AdminCall call)>;
  // A peer that was turned away, in one line.
  using LogLine = std::function<void(const std::string& line)>;

  struct Options {
    std::optional<gid_t> group;  // who may beside root and this process's user
    Perform perform;
    LogLine log_line;
  };

  // Serves from now on.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Create(
      std::unique_ptr<AdminListener> listener, Options options);
  // What is being performed is finished and answered first.
  ~AdminServer();

 private:
  struct Task {
    AdminCall call;
    HttpServer::Reply reply;
  };

  AdminServer(std::unique_ptr<AdminListener> listener, Options options);
  void Handle(const HttpRequest& request, const HttpPeer& peer,
              HttpServer::Reply reply);
  void PerformSome();

  const std::unique_ptr<AdminListener> listener_;
  const Options options_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<HttpServer> http_;  // on the loop's thread while that runs

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;  // at most one of each connection
  bool stopping_ = false;

  std::thread loop_thread_;
  std::vector<std::thread> performers_;
};

}  // namespace bestow::server

#endif  // SERVER_ADMIN_ADMIN_SERVER_H_
