// HTTPS, or plain HTTP, for one worker thread: listeners, connections, limits.
#ifndef COMMON_NET_HTTP_SERVER_H_
#define COMMON_NET_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/net/event_loop.h"
#include "common/net/http_message.h"
#include "common/tls/tls_stream.h"

namespace bestow {

// Opens a listening TCP socket (non-blocking, close-on-exec, SO_REUSEADDR).
// "127.0.0.1:8443", "[::]:8443"; port 0 picks one. Returns the descriptor.
absl::StatusOr<int> OpenListeningSocket(const std::string& address);
// Sockets that systemd passed (LISTEN_PID, LISTEN_FDS), checked to be
// listening stream sockets; empty when there are none.
absl::StatusOr<std::vector<int>> InheritListeningSockets();
// "127.0.0.1:40123".
std::string LocalAddress(int fd);

// What a handler may know of the connection a request came on. Lives as long
// as the connection; only for the loop's thread.
struct HttpPeer {
  std::string remote_address;      // "192.0.2.7:50312"
  const TlsStream* tls = nullptr;  // nullptr: plain HTTP
};

class HttpServer {
 public:
  // Answers one request, on the loop's thread; may be called later, once, on
  // that thread. When the connection is gone by then, the reply is dropped.
  // When every copy of it is gone uncalled (which may be on any thread, while
  // the loop is there), the answer is 500, and the connection ends.
  using Reply = std::function<void(HttpResponse)>;
  // Called on the loop's thread for a request that is whole and within the
  // limits.
  using Handler =
      std::function<void(const HttpRequest&, const HttpPeer&, Reply)>;
  // A request that never reached the handler, or a handshake that failed, in
  // one line for the log.
  using OnRefused = std::function<void(const std::string& remote_address,
                                       const std::string& why)>;

  struct Options {
    HttpLimits limits;
    size_t max_connections = 1000;
    // The context for connections accepted from now on: called per connection,
    // so that a reload takes effect. Null: plain HTTP, for what needs neither
    // secrecy nor a known server.
    std::function<std::shared_ptr<const TlsContext>()> tls;
    // Asked with each accepted socket, before anything is read from it: the
    // name that is its remote_address from then on, or why it is refused, which
    // closes it. Null: everyone is let in, by their address.
    std::function<absl::StatusOr<std::string>(int fd)> admit;
    Handler handler;
    OnRefused on_refused;
  };

  // Accepts on `listening_fds`, which other workers may share; does not own
  // them.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Create(
      EventLoop& loop, std::vector<int> listening_fds, Options options);
  ~HttpServer();

  // For connections accepted, and phases begun, from now on. On the loop's
  // thread. `max_connections` must not be 0.
  void SetLimits(const HttpLimits& limits, size_t max_connections);
  // Stops accepting, lets requests under way finish (their replies say
  // Connection: close), closes idle connections, then calls `drained`. At
  // `deadline` the rest is cut.
  void Drain(absl::Duration deadline, std::function<void()> drained);
  size_t connection_count() const;

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bestow

#endif  // COMMON_NET_HTTP_SERVER_H_
