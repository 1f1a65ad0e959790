#include "server/admin/admin_server.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxConnections = 16;
// A backup may take long; a list should not wait for it.
constexpr size_t kPerformers = 3;
constexpr absl::Duration kDrain = absl::Seconds(5);

HttpLimits Limits() {
  HttpLimits limits;
  limits.body_bytes = kMaxCallBytes;
  limits.requests_per_connection = 1;
  return limits;
}

}  // namespace

AdminServer::AdminServer(std::unique_ptr<AdminListener> listener,
                         Options options)
    : listener_(std::move(listener)), options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Create(
    std::unique_ptr<AdminListener> listener, Options options) {
  std::unique_ptr<AdminServer> server(
      new AdminServer(std::move(listener), std::move(options)));
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  server->loop_ = *std::move(loop);
  HttpServer::Options http;
  http.limits = Limits();
  http.max_connections = kMaxConnections;
  http.admit =
      [group = server->options_.group](int fd) -> absl::StatusOr<std::string> {
    absl::StatusOr<SocketPeer> peer = PeerOf(fd);
    if (!peer.ok()) return peer.status();
    return AdmitOperator(*peer, geteuid(), group);
  };
  http.handler = [server = server.get()](const HttpRequest& request,
                                         const HttpPeer& peer,
                                         HttpServer::Reply reply) {
    server->Handle(request, peer, std::move(reply));
  };
  http.on_refused = [log_line = server->options_.log_line](
                        const std::string& remote, const std::string& why) {
    log_line(absl::StrCat("admin socket: refused ", remote, ": ", why));
  };
  absl::StatusOr<std::unique_ptr<HttpServer>> made = HttpServer::Create(
      *server->loop_, {server->listener_->fd()}, std::move(http));
  if (!made.ok()) return made.status();
  server->http_ = *std::move(made);
  server->loop_thread_ = std::thread([server = server.get()] {
    server->loop_->Run();
    server->http_.reset();
  });
  for (size_t i = 0; i < kPerformers; ++i) {
    server->performers_.emplace_back(
        [server = server.get()] { server->PerformSome(); });
  }
  return server;
}

AdminServer::~AdminServer() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  // Their replies are posted to the loop before what drains it.
  for (std::thread& performer : performers_) performer.join();
  if (!loop_thread_.joinable()) return;
  loop_->Post([this] { http_->Drain(kDrain, [this] { loop_->Stop(); }); });
  loop_thread_.join();
}

void AdminServer::Handle(const HttpRequest& request, const HttpPeer& peer,
                         HttpServer::Reply reply) {
  absl::StatusOr<AdminCall> call = CallOf(request);
  if (!call.ok()) return reply(ResponseOf(call.status()));
  call->actor = peer.remote_address;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) {
      return reply(ResponseOf(absl::UnavailableError("the server stops")));
    }
    tasks_.push_back({*std::move(call), std::move(reply)});
  }
  wake_.notify_one();
}

void AdminServer::PerformSome() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    HttpResponse response = ResponseOf(options_.perform(std::move(task.call)));
    loop_->Post([reply = std::move(task.reply),
                 response = std::move(response)]() mutable {
      reply(std::move(response));
    });
    lock.lock();
  }
}

}  // namespace bestow::server
