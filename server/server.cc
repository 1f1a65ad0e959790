#include "server/server.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/pki/certificate.h"
#include "server/est/reply.h"
#include "server/revocation/public_http.h"
#include "server/state_changes.h"

namespace bestow::server {
namespace {

// Of all workers, for plain HTTP: whole CRLs wait there for slow readers.
constexpr size_t kMaxPublicConnections = 256;

// How soon anchors that another server's operator added are trusted here.
constexpr absl::Duration kAnchorsInterval = absl::Seconds(10);

using LabelAnchors =
    std::map<std::string, std::vector<Certificate>, std::less<>>;

absl::StatusOr<LabelAnchors> LoadLabelAnchors(Store& store) {
  absl::StatusOr<std::vector<TrustAnchorRecord>> records =
      store.ListTrustAnchors();
  if (!records.ok()) return records.status();
  LabelAnchors anchors;
  for (const TrustAnchorRecord& record : *records) {
    absl::StatusOr<Certificate> certificate =
        ParseCertificateDer(record.certificate);
    if (!certificate.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("trust anchor ", record.id,
                       " of the database: ", certificate.status().message()));
    }
    anchors[record.label].push_back(*std::move(certificate));
  }
  return anchors;
}

size_t Cores() { return std::max(1u, std::thread::hardware_concurrency()); }

HttpLimits HttpLimitsOf(const Config& config) {
  const LimitsConfig& limits = config.limits;
  HttpLimits http;
  http.header_bytes = static_cast<size_t>(limits.header_bytes);
  http.body_bytes = static_cast<size_t>(config.MaxBodyBytes());
  http.requests_per_connection =
      static_cast<size_t>(limits.requests_per_connection);
  http.handshake_timeout = limits.handshake_timeout;
  http.header_timeout = limits.header_timeout;
  http.body_timeout = limits.body_timeout;
  http.idle_timeout = limits.idle_timeout;
  return http;
}

HttpLimits PublicLimitsOf(const Config& config) {
  HttpLimits http = HttpLimitsOf(config);
  http.body_bytes = kMaxPublicBodyBytes;
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

// Services may share one.
std::vector<UpstreamConnection> ConnectionsOf(
    const std::map<std::string, Service, std::less<>>& services) {
  std::vector<UpstreamConnection> connections;
  for (const auto& [label, service] : services) {
    const UpstreamConfig& upstream = service.config.upstream;
    if (upstream.forwards() &&
        std::find(connections.begin(), connections.end(),
                  upstream.connection) == connections.end()) {
      connections.push_back(upstream.connection);
    }
  }
  return connections;
}

std::optional<TlsWish> TlsWishOf(const Config& config) {
  if (config.tls.from != TlsFrom::kUpstream) return std::nullopt;
  return TlsWish{config.tls, config.hostnames};
}

}  // namespace

Server::Server(const Config& config, std::unique_ptr<Store> store,
               const Clock& clock)
    : started_with_(config),
      worker_count_(config.workers == 0 ? Cores()
                                        : static_cast<size_t>(config.workers)),
      clock_(clock),
      store_(std::move(store)),
      housekeeper_(clock) {}

Server::~Server() = default;

absl::StatusOr<Server::Serving> Server::MakeServing(
    std::shared_ptr<const ServerState> state) const {
  Serving serving;
  // Before they are read: a change meanwhile is seen as one later.
  absl::StatusOr<int64_t> version = store_->AnchorsVersion();
  if (!version.ok()) return version.status();
  serving.anchors_version = *version;
  Snapshot::Materials materials = state->materials;
  absl::StatusOr<LabelAnchors> anchors = LoadLabelAnchors(*store_);
  if (!anchors.ok()) return anchors.status();
  materials.label_anchors = *std::move(anchors);
  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
      Snapshot::Create(state->config, materials);
  if (!snapshot.ok()) return snapshot.status();
  serving.snapshot = *std::move(snapshot);
  TlsServerOptions options;
  options.credential = state->TlsShown();
  options.client_anchors = serving.snapshot->client_anchors;
  absl::StatusOr<std::shared_ptr<const TlsContext>> tls =
      TlsContext::CreateServer(std::move(options), clock_);
  if (!tls.ok()) return tls.status();
  serving.tls = *std::move(tls);
  serving.drain_timeout = state->config.limits.drain_timeout;
  serving.state = std::move(state);
  return serving;
}

void Server::Serve(Serving serving) {
  std::lock_guard<std::mutex> lock(serving_mutex_);
  serving_ = std::move(serving);
}

Server::Current Server::current() const {
  std::lock_guard<std::mutex> lock(serving_mutex_);
  return {serving_.state, serving_.snapshot};
}

void Server::RefreshAnchors() {
  std::lock_guard<std::mutex> lock(reload_mutex_);
  const Serving now = serving();
  absl::StatusOr<int64_t> version = store_->AnchorsVersion();
  if (version.ok() && *version == now.anchors_version) return;
  absl::StatusOr<Serving> fresh =
      version.ok() ? MakeServing(now.state)
                   : absl::StatusOr<Serving>(version.status());
  if (!fresh.ok()) {
    return log_line_(
        absl::StrCat("the database's trust anchors can't be read: ",
                     OneLine(fresh.status().message())));
  }
  Serve(*std::move(fresh));
}

Server::Serving Server::serving() const {
  std::lock_guard<std::mutex> lock(serving_mutex_);
  return serving_;
}

size_t Server::PublicConnectionsPerWorker() const {
  return (kMaxPublicConnections + worker_count_ - 1) / worker_count_;
}

size_t Server::ConnectionsPerWorker(const Config& config) const {
  const auto connections = static_cast<size_t>(config.limits.connections);
  return (connections + worker_count_ - 1) / worker_count_;
}

absl::StatusOr<std::unique_ptr<Server>> Server::Create(
    ServerState state, std::unique_ptr<Store> store,
    std::vector<int> listening_fds, const Clock& clock,
    Exchange::LogLine log_line, std::vector<int> public_fds) {
  std::unique_ptr<Server> server(
      new Server(state.config, std::move(store), clock));
  server->log_line_ = std::move(log_line);
  absl::StatusOr<Serving> serving =
      server->MakeServing(std::make_shared<const ServerState>(state));
  if (!serving.ok()) return serving.status();
  server->Serve(*std::move(serving));

  Authenticator::Options auth_options;
  auth_options.password_threads = Cores();
  auth_options.max_queued_passwords =
      static_cast<size_t>(state.config.limits.queued_passwords);
  auth_options.wrong_tries.burst = state.config.limits.wrong_credentials;
  auth_options.wrong_tries.interval =
      state.config.limits.wrong_credentials_interval;
  server->sealer_ = state.sealer;
  auth_options.sealer = state.sealer;
  absl::StatusOr<std::unique_ptr<Authenticator>> authenticator =
      Authenticator::Create(*server->store_, clock, auth_options);
  if (!authenticator.ok()) return authenticator.status();
  server->authenticator_ = *std::move(authenticator);

  server->audit_ = std::make_unique<AuditTrail>(*server->store_, clock);
  server->audit_->Append(ServingEntry("start", clock.Now(), state.materials));
  server->housekeeper_.Add("audit", [server = server.get()](absl::Time now) {
    return server->audit_->Flush(now);
  });
  absl::StatusOr<std::unique_ptr<Upstreams>> upstreams =
      Upstreams::Create({state.folder, &clock, server->log_line_});
  if (!upstreams.ok()) return upstreams.status();
  server->upstreams_ = *std::move(upstreams);

  server->service_ = std::make_unique<EstService>(EstService::Options{
      [server = server.get()] { return server->serving().snapshot; },
      {server->store_.get(), server->authenticator_.get(), &clock,
       server->sealer_.get(), server->audit_.get(), server->upstreams_.get()},
      server->log_line_});

  server->revocation_ = std::make_unique<RevocationService>(
      [server = server.get()] {
        return server->serving().snapshot->issuing_keys;
      },
      *server->store_, clock, server->housekeeper_);

  for (size_t i = 0; i < server->worker_count_; ++i) {
    absl::Status status = server->AddWorker(listening_fds, public_fds);
    if (!status.ok()) return status;
  }
  server->housekeeper_.Add("anchors", [server = server.get()](absl::Time now) {
    server->RefreshAnchors();
    return now + kAnchorsInterval;
  });
  return server;
}

absl::Status Server::AddWorker(const std::vector<int>& listening_fds,
                               const std::vector<int>& public_fds) {
  auto worker = std::make_unique<Worker>();
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  worker->loop = *std::move(loop);

  HttpServer::Options options;
  options.limits = HttpLimitsOf(started_with_);
  options.max_connections = ConnectionsPerWorker(started_with_);
  options.tls = [this] { return serving().tls; };
  options.handler = [service = service_.get(),
                     loop = std::weak_ptr(worker->loop)](
                        const HttpRequest& request, const HttpPeer& peer,
                        HttpServer::Reply reply) {
    service->Handle(
        request, ClientInfoOf(peer),
        [loop](std::function<void()> fn) {
          if (auto there = loop.lock()) there->Post(std::move(fn));
        },
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
  absl::Status status = AddPublicHttp(public_fds, *worker);
  if (!status.ok()) return status;
  workers_.push_back(std::move(worker));
  return absl::OkStatus();
}

absl::Status Server::AddPublicHttp(const std::vector<int>& public_fds,
                                   Worker& worker) {
  if (public_fds.empty()) return absl::OkStatus();
  HttpServer::Options options;
  options.limits = PublicLimitsOf(started_with_);
  options.max_connections = PublicConnectionsPerWorker();
  options.handler = [revocation = revocation_.get()](
                        const HttpRequest& request, const HttpPeer&,
                        const HttpServer::Reply& reply) {
    reply(revocation->Handle(request));
  };
  // Anybody may ask, and ask for anything: no line for each.
  absl::StatusOr<std::unique_ptr<HttpServer>> http =
      HttpServer::Create(*worker.loop, public_fds, std::move(options));
  if (!http.ok()) return http.status();
  worker.public_http = *std::move(http);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Server::Reload(
    const ServerState& state, const std::string& actor) {
  std::lock_guard<std::mutex> lock(reload_mutex_);
  absl::StatusOr<Serving> serving =
      MakeServing(std::make_shared<const ServerState>(state));
  if (!serving.ok()) return serving.status();
  const std::string changes = ChangesOf(*this->serving().state, state);
  Serve(*std::move(serving));
  for (const std::unique_ptr<Worker>& owned : workers_) {
    owned->loop->Post([worker = owned.get(), http = HttpLimitsOf(state.config),
                       public_http = PublicLimitsOf(state.config),
                       connections = ConnectionsPerWorker(state.config),
                       public_connections = PublicConnectionsPerWorker()] {
      worker->http->SetLimits(http, connections);
      if (worker->public_http != nullptr) {
        worker->public_http->SetLimits(public_http, public_connections);
      }
    });
  }
  revocation_->Wake();
  upstreams_->Configure(ConnectionsOf(this->serving().snapshot->services),
                        TlsWishOf(state.config));
  std::vector<std::string> unchanged;
  const Config& now = state.config;
  const Config& then = started_with_;
  if (now.listen != then.listen) unchanged.push_back("listen");
  if (now.http.listen != then.http.listen) unchanged.push_back("http.listen");
  if (now.workers != then.workers) unchanged.push_back("workers");
  if (now.admin.socket != then.admin.socket) {
    unchanged.push_back("admin.socket");
  }
  if (now.admin.group != then.admin.group) unchanged.push_back("admin.group");
  if (now.limits.queued_issuances != then.limits.queued_issuances) {
    unchanged.push_back("limits.queued_issuances");
  }
  if (now.limits.queued_passwords != then.limits.queued_passwords) {
    unchanged.push_back("limits.queued_passwords");
  }
  if (now.limits.wrong_credentials != then.limits.wrong_credentials ||
      now.limits.wrong_credentials_interval !=
          then.limits.wrong_credentials_interval) {
    unchanged.push_back("limits.wrong_credentials");
  }
  if (now.store.engine != then.store.engine ||
      now.store.connection != then.store.connection ||
      now.store.password_file != then.store.password_file ||
      now.store.password_credential != then.store.password_credential) {
    unchanged.push_back("store");
  }
  if (!state.sealer->HasSameKeyAs(*sealer_)) unchanged.push_back("seal.key");
  audit_->Append(
      ServingEntry("reload", clock_.Now(), state.materials, actor, changes));
  return unchanged;
}

void Server::Run() {
  const Serving began = serving();
  upstreams_->Configure(ConnectionsOf(began.snapshot->services),
                        TlsWishOf(began.state->config));
  housekeeper_.Start();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->thread = std::thread([worker = worker.get()] {
      worker->loop->Run();
      // On the thread that owns its connections.
      worker->http.reset();
      worker->public_http.reset();
    });
  }
  for (const std::unique_ptr<Worker>& worker : workers_) worker->thread.join();
  housekeeper_.Stop();
  upstreams_->Stop();
}

void Server::Stop() {
  if (stopping_.exchange(true)) return;
  for (const std::unique_ptr<Worker>& owned : workers_) {
    Worker* worker = owned.get();
    worker->loop->Post([worker, timeout = serving().drain_timeout] {
      const auto drained = [worker] {
        if (--worker->draining == 0) worker->loop->Stop();
      };
      worker->draining = worker->public_http == nullptr ? 1 : 2;
      worker->http->Drain(timeout, drained);
      if (worker->public_http != nullptr) {
        worker->public_http->Drain(timeout, drained);
      }
    });
  }
}

}  // namespace bestow::server
