#include "server/server.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/pki/path.h"
#include "server/est/reply.h"

namespace bestow::server {
namespace {

size_t Cores() { return std::max(1u, std::thread::hardware_concurrency()); }

HttpLimits HttpLimitsOf(const LimitsConfig& limits, int max_body_bytes) {
  HttpLimits http;
  http.header_bytes = static_cast<size_t>(limits.header_bytes);
  http.body_bytes = static_cast<size_t>(max_body_bytes);
  http.requests_per_connection =
      static_cast<size_t>(limits.requests_per_connection);
  http.handshake_timeout = limits.handshake_timeout;
  http.header_timeout = limits.header_timeout;
  http.body_timeout = limits.body_timeout;
  http.idle_timeout = limits.idle_timeout;
  return http;
}

// RFC 9266 3: tls-unique is not defined for TLS 1.3, the exporter is.
absl::StatusOr<Bytes> ChannelBindingOf(const TlsStream& tls) {
  return tls.version() == "TLSv1.3" ? tls.TlsExporter() : tls.TlsUnique();
}

ClientInfo ClientInfoOf(const HttpPeer& peer) {
  ClientInfo client;
  client.remote_address = peer.remote_address;
  if (peer.tls == nullptr) return client;
  client.tls = peer.tls->peer();
  client.channel_binding = ChannelBindingOf(*peer.tls);
  return client;
}

}  // namespace

Server::Server(const Config& config, std::unique_ptr<SqliteStore> store)
    : limits_(config.limits),
      max_body_bytes_(config.MaxBodyBytes()),
      store_(std::move(store)) {}

Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Create(
    ServerState state, std::unique_ptr<SqliteStore> store,
    std::vector<int> listening_fds, const Clock& clock,
    Exchange::LogLine log_line) {
  std::unique_ptr<Server> server(new Server(state.config, std::move(store)));
  server->log_line_ = std::move(log_line);

  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
      Snapshot::Create(state.config, state.materials);
  if (!snapshot.ok()) return snapshot.status();
  server->snapshot_ = *std::move(snapshot);

  TlsServerOptions tls_options;
  tls_options.credential = state.tls;
  tls_options.client_anchors = server->snapshot_->client_anchors;
  absl::StatusOr<std::shared_ptr<const TlsContext>> tls =
      TlsContext::CreateServer(std::move(tls_options), clock);
  if (!tls.ok()) return tls.status();
  server->tls_ = *std::move(tls);

  Authenticator::Options auth_options;
  auth_options.password_threads = Cores();
  auth_options.max_queued_passwords =
      static_cast<size_t>(state.config.limits.queued_passwords);
  auth_options.wrong_tries.burst = state.config.limits.wrong_credentials;
  auth_options.wrong_tries.interval =
      state.config.limits.wrong_credentials_interval;
  absl::StatusOr<std::unique_ptr<Authenticator>> authenticator =
      Authenticator::Create(*server->store_, clock, auth_options);
  if (!authenticator.ok()) return authenticator.status();
  server->authenticator_ = *std::move(authenticator);

  server->service_ = std::make_unique<EstService>(EstService::Options{
      [snapshot = server->snapshot_] { return snapshot; },
      {server->store_.get(), server->authenticator_.get(), &clock},
      server->log_line_});

  const size_t workers = state.config.workers == 0
                             ? Cores()
                             : static_cast<size_t>(state.config.workers);
  const auto connections = static_cast<size_t>(state.config.limits.connections);
  for (size_t i = 0; i < workers; ++i) {
    absl::Status status =
        server->AddWorker(listening_fds, (connections + workers - 1) / workers);
    if (!status.ok()) return status;
  }
  return server;
}

absl::Status Server::AddWorker(const std::vector<int>& listening_fds,
                               size_t max_connections) {
  auto worker = std::make_unique<Worker>();
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  worker->loop = *std::move(loop);

  HttpServer::Options options;
  options.limits = HttpLimitsOf(limits_, max_body_bytes_);
  options.max_connections = max_connections;
  options.tls = [tls = tls_] { return tls; };
  options.handler = [service = service_.get(), loop = worker->loop.get()](
                        const HttpRequest& request, const HttpPeer& peer,
                        HttpServer::Reply reply) {
    service->Handle(
        request, ClientInfoOf(peer),
        [loop](std::function<void()> fn) { loop->Post(std::move(fn)); },
        std::move(reply));
  };
  options.on_refused = [log_line = log_line_](const std::string& remote,
                                              const std::string& why) {
    log_line(absl::StrCat("refused remote=", remote, " reason=\"", OneLine(why),
                          "\""));
  };
  absl::StatusOr<std::unique_ptr<HttpServer>> http =
      HttpServer::Create(*worker->loop, listening_fds, std::move(options));
  if (!http.ok()) return http.status();
  worker->http = *std::move(http);
  workers_.push_back(std::move(worker));
  return absl::OkStatus();
}

void Server::Run() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->thread = std::thread([worker = worker.get()] {
      worker->loop->Run();
      // On the thread that owns its connections.
      worker->http.reset();
    });
  }
  for (const std::unique_ptr<Worker>& worker : workers_) worker->thread.join();
}

void Server::Stop() {
  if (stopping_.exchange(true)) return;
  for (const std::unique_ptr<Worker>& owned : workers_) {
    Worker* worker = owned.get();
    worker->loop->Post([worker, timeout = limits_.drain_timeout] {
      worker->http->Drain(timeout, [worker] { worker->loop->Stop(); });
    });
  }
}

}  // namespace bestow::server
