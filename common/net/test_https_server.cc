#include "common/net/test_https_server.h"

#include <unistd.h>

#include <future>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace bestow {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

bool WaitUntil(const std::function<bool()>& condition) {
  const absl::Time give_up = absl::Now() + kPatience;
  while (!condition()) {
    if (absl::Now() > give_up) return false;
    absl::SleepFor(kPollInterval);
  }
  return true;
}

}  // namespace

void TestHttpsServer::Echo(const HttpRequest& request, const HttpPeer&,
                           HttpServer::Reply reply) {
  HttpResponse response;
  response.headers = {{"Content-Type", "text/plain"}};
  response.body =
      absl::StrCat(request.method, " ", request.target, " ", request.body);
  reply(response);
}

TestHttpsServer::TestHttpsServer(Options options)
    : ca_("Test CA", options.ca_key) {
  absl::StatusOr<int> fd = OpenListeningSocket("127.0.0.1:0");
  CHECK(fd.ok()) << fd.status();
  listening_fd_ = *fd;
  port_ = LocalPort(listening_fd_);
  TlsServerOptions tls;
  tls.versions = options.versions;
  tls.credential = ca_.Credential(TestServerLeaf(), options.server_key);
  tls.client_anchors = ca_.anchors();
  auto context = TlsContext::CreateServer(std::move(tls), clock_);
  CHECK(context.ok()) << context.status();
  context_ = *std::move(context);
  workers_.resize(options.workers);
  for (Worker& worker : workers_) {
    auto loop = EventLoop::Create();
    CHECK(loop.ok()) << loop.status();
    worker.loop = *std::move(loop);
    HttpServer::Options server;
    server.limits = options.limits;
    server.max_connections = options.max_connections;
    if (!options.plain) server.tls = [this] { return context_; };
    server.handler = options.handler ? options.handler : &Echo;
    server.on_refused = [this](const std::string&, const std::string& why) {
      std::lock_guard<std::mutex> lock(mutex_);
      refused_.push_back(why);
    };
    auto made =
        HttpServer::Create(*worker.loop, {listening_fd_}, std::move(server));
    CHECK(made.ok()) << made.status();
    worker.server = *std::move(made);
    worker.thread = std::thread([loop = worker.loop.get()] { loop->Run(); });
  }
}

TestHttpsServer::~TestHttpsServer() {
  for (Worker& worker : workers_) {
    worker.loop->Stop();
    worker.thread.join();
    worker.server.reset();
  }
  close(listening_fd_);
}

std::shared_ptr<const TlsContext> TestHttpsServer::ClientContext(
    std::optional<TlsCredential> credential, TlsVersions versions) const {
  TlsClientOptions options;
  options.versions = versions;
  options.credential = std::move(credential);
  options.server_anchors = ca_.anchors();
  auto context = TlsContext::CreateClient(std::move(options), clock_);
  CHECK(context.ok()) << context.status();
  return *std::move(context);
}

RawTls TestHttpsServer::Connect() const {
  RawTls client = RawTls::Client(ConnectLoopback(port_), ClientContext());
  absl::Status status = client.Handshake();
  CHECK(status.ok()) << status;
  return client;
}

void TestHttpsServer::OnLoop(std::function<void(EventLoop&, HttpServer&)> fn) {
  std::promise<void> done;
  Worker& worker = workers_[0];
  worker.loop->Post([&] {
    fn(*worker.loop, *worker.server);
    done.set_value();
  });
  done.get_future().wait();
}

std::vector<std::string> TestHttpsServer::refused() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return refused_;
}

bool TestHttpsServer::WaitForRefused(size_t count) const {
  return WaitUntil([&] { return refused().size() >= count; });
}

bool TestHttpsServer::WaitForConnections(size_t count) {
  return WaitUntil([&] {
    size_t now = 0;
    OnLoop([&](EventLoop&, HttpServer& server) {
      now = server.connection_count();
    });
    return now == count;
  });
}

}  // namespace bestow
