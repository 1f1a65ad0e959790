#include "common/net/http_server.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <unordered_map>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/net/http_connection.h"
#include "common/net/socket_address.h"

namespace bestow {
namespace {

// Of one wakeup: other workers want some too, and so do our connections.
constexpr int kMaxAcceptsAtOnce = 16;
// Out of descriptors or memory: only time helps.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(200);
// A server at its limit gets there again and again.
constexpr absl::Duration kFullReportInterval = absl::Minutes(1);

}  // namespace

struct HttpServer::Impl {
  Impl(EventLoop& loop_in, std::vector<int> fds, Options options_in)
      : loop(loop_in),
        listening_fds(std::move(fds)),
        options(std::move(options_in)) {}

  ~Impl() {
    for (auto& [key, connection] : connections) connection->Cut();
  }

  void StartAccepting() {
    if (draining || !watches.empty()) return;
    for (int fd : listening_fds) {
      watches.push_back(loop.OnReadable(fd, [this, fd] { AcceptSome(fd); }));
    }
  }

  void StopAccepting() { watches.clear(); }

  void AcceptSome(int listening_fd);
  void AcceptFailed(int error);
  void ConnectionGone(HttpConnection* connection);
  void CheckDrained();

  EventLoop& loop;
  const std::vector<int> listening_fds;
  Options options;  // the limits change; connections refer to it
  bool draining = false;
  absl::Time full_reported = absl::InfinitePast();
  bool failure_reported = false;
  std::function<void()> drained;
  std::vector<std::unique_ptr<EventLoop::Watch>> watches;
  std::unique_ptr<EventLoop::Timer> accept_pause;
  std::unique_ptr<EventLoop::Timer> drain_deadline;
  std::unordered_map<HttpConnection*, std::shared_ptr<HttpConnection>>
      connections;
};

void HttpServer::Impl::AcceptSome(int listening_fd) {
  for (int i = 0; i < kMaxAcceptsAtOnce; ++i) {
    if (connections.size() >= options.max_connections) {
      // The others wait in the kernel's queue, or another worker takes them.
      if (absl::Now() - full_reported > kFullReportInterval) {
        full_reported = absl::Now();
        options.on_refused(
            LocalAddress(listening_fd),
            absl::StrCat("at the limit of ", options.max_connections,
                         " connections: new ones wait"));
      }
      return StopAccepting();
    }
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    const int fd = accept4(listening_fd, reinterpret_cast<sockaddr*>(&address),
                           &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN) return;
      // Errors of that one connection, which is gone.
      if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
      return AcceptFailed(errno);
    }
    failure_reported = false;
    std::string name =
        FormatSocketAddress(reinterpret_cast<const sockaddr*>(&address));
    if (options.admit != nullptr) {
      absl::StatusOr<std::string> admitted = options.admit(fd);
      if (!admitted.ok()) {
        options.on_refused(name, std::string(admitted.status().message()));
        close(fd);
        continue;
      }
      name = *std::move(admitted);
    }
    auto connection = std::make_shared<HttpConnection>(
        loop, options, std::move(name),
        [this](HttpConnection* gone) { ConnectionGone(gone); });
    connections[connection.get()] = connection;
    connection->Start(fd);
  }
}

void HttpServer::Impl::AcceptFailed(int error) {
  if (!std::exchange(failure_reported, true)) {
    options.on_refused("(listener)", absl::StrCat("can't accept connections: ",
                                                  std::strerror(error)));
  }
  StopAccepting();
  accept_pause = loop.RunAfter(kAcceptPause, [this] {
    accept_pause.reset();
    StartAccepting();
  });
}

void HttpServer::Impl::ConnectionGone(HttpConnection* connection) {
  connections.erase(connection);
  if (draining) return CheckDrained();
  if (accept_pause == nullptr && connections.size() < options.max_connections) {
    StartAccepting();
  }
}

void HttpServer::Impl::CheckDrained() {
  if (!connections.empty() || drained == nullptr) return;
  drain_deadline.reset();
  // Posted: the callback may destroy the server.
  loop.Post(std::exchange(drained, nullptr));
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(
    EventLoop& loop, std::vector<int> listening_fds, Options options) {
  if (listening_fds.empty()) {
    return absl::InvalidArgumentError("no socket to listen on");
  }
  if (options.max_connections == 0) {
    return absl::InvalidArgumentError("max_connections must be 1 at least");
  }
  CHECK(options.handler != nullptr);
  if (options.on_refused == nullptr) {
    options.on_refused = [](const std::string&, const std::string&) {};
  }
  auto impl = std::make_unique<Impl>(loop, std::move(listening_fds),
                                     std::move(options));
  impl->StartAccepting();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

void HttpServer::SetLimits(const HttpLimits& limits, size_t max_connections) {
  CHECK_GT(max_connections, 0u);
  impl_->options.limits = limits;
  impl_->options.max_connections = max_connections;
}

void HttpServer::Drain(absl::Duration deadline, std::function<void()> drained) {
  CHECK(!impl_->draining) << "drained twice";
  impl_->draining = true;
  impl_->drained = std::move(drained);
  impl_->accept_pause.reset();
  impl_->StopAccepting();
  impl_->drain_deadline = impl_->loop.RunAfter(deadline, [this] {
    for (auto& [key, connection] : impl_->connections) connection->Cut();
    impl_->connections.clear();
    impl_->CheckDrained();
  });
  std::vector<std::shared_ptr<HttpConnection>> all;
  for (auto& [key, connection] : impl_->connections) all.push_back(connection);
  for (const std::shared_ptr<HttpConnection>& connection : all) {
    connection->Drain();
  }
  impl_->CheckDrained();
}

size_t HttpServer::connection_count() const {
  return impl_->connections.size();
}

}  // namespace bestow
