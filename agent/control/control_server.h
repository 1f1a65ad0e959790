// The running daemon's end of the control socket, STATE/agent.sock: HTTP
// without TLS, for root and the daemon's own user.
//
//   GET  /status            how each identity is
//   POST /renew             renews now, answers when it is known how it went
//   POST /pause, /resume    the off switch
//
// Each takes "?identity=NAME"; without it all are meant. Answers are JSON, or
// lines for people where Accept says text/plain; the header Exit-Code says what
// a command that asks ends with.
#ifndef AGENT_CONTROL_CONTROL_SERVER_H_
#define AGENT_CONTROL_CONTROL_SERVER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/status/device_status.h"
#include "common/net/event_loop.h"
#include "common/net/http_server.h"
#include "common/net/unix_socket.h"

namespace bestow::agent {

std::string ControlSocketPath(const std::string& state_dir);

// What was done for one identity, or why not.
struct ControlOutcome {
  std::string identity;
  bool done = false;
  std::string message;
};

// What the control socket can ask of the daemon; on the loop's thread. `name`
// is one of Names().
class ControlTarget {
 public:
  using Done = std::function<void(ControlOutcome)>;

  virtual ~ControlTarget() = default;
  virtual std::vector<std::string> Names() const = 0;
  virtual DeviceStatus StatusOf(const std::string& name) const = 0;
  // Calls `done` once, perhaps at once, perhaps after minutes.
  virtual void RenewNow(const std::string& name, Done done) = 0;
  virtual absl::Status SetPaused(const std::string& name, bool paused) = 0;
};

// Root and `own_uid` alone: kPermissionDenied otherwise. Returns how the peer
// is called.
absl::StatusOr<std::string> AdmitToControl(const SocketPeer& peer,
                                           uid_t own_uid);

// Belongs to its loop's thread. Connections, their number, what they send and
// how long they take are bounded (HttpServer).
class ControlServer {
 public:
  // A peer that was turned away, or what was asked for, in one line.
  using LogLine = std::function<void(const std::string& line)>;

  // Serves from now on. `target` must outlive it.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Create(
      EventLoop& loop, const std::string& state_dir, ControlTarget& target,
      LogLine log_line);

 private:
  struct Request;
  ControlServer(std::unique_ptr<UnixListener> listener, ControlTarget& target,
                LogLine log_line);
  void Handle(const HttpRequest& request, const HttpPeer& peer,
              HttpServer::Reply reply);
  void Renew(const Request& request, HttpServer::Reply reply);
  HttpResponse Status(const Request& request) const;
  HttpResponse SetPaused(const Request& request, bool paused);

  const std::unique_ptr<UnixListener> listener_;
  ControlTarget& target_;
  const LogLine log_line_;
  std::unique_ptr<HttpServer> http_;  // uses the above
};

}  // namespace bestow::agent

#endif  // AGENT_CONTROL_CONTROL_SERVER_H_
