#include "server/upstream/upstreams.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/pki/path.h"
#include "server/upstream/ra_certificate.h"
#include "server/upstream/upstream_files.h"

namespace bestow::server {
namespace {

using Kind = ForwardAnswer::Kind;

ForwardAnswer Answer(Kind kind, std::string reason) {
  ForwardAnswer answer;
  answer.kind = kind;
  answer.reason = std::move(reason);
  return answer;
}

// A failure without a reply. Not its message: that is about our side, and goes
// to the log.
ForwardAnswer AnswerOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kDeadlineExceeded:
      return Answer(Kind::kDown, "the upstream CA can't be reached");
    case absl::StatusCode::kResourceExhausted:
      return Answer(Kind::kBusy, "too many requests wait for the upstream CA");
    case absl::StatusCode::kAborted:
      return Answer(Kind::kBusy, "this label has another upstream CA now");
    case absl::StatusCode::kInvalidArgument:
      return Answer(Kind::kBadReply, std::string(status.message()));
    // The upstream is not trusted, or does not trust us: nobody may take it for
    // one that is down.
    case absl::StatusCode::kPermissionDenied:
      return Answer(Kind::kNotServed,
                    "this server and its upstream do not trust each other");
    default:
      return Answer(Kind::kNotServed, "the upstream CA can't be used");
  }
}

Kind KindOfError(const EstReply& reply) {
  switch (reply.status) {
    case 401:  // we are not who we say
    case 404:  // or are at the wrong place
      return Kind::kNotServed;
    case 408:
    case 425:
    case 429:
      return Kind::kBusy;
    default:
      break;
  }
  if (reply.status >= 400 && reply.status < 500) return Kind::kRefused;
  // Neither EST nor an error of it: a redirection, say.
  if (reply.status < 500) return Kind::kNotServed;
  // Who says when to ask again is there, and may be made to say so.
  return reply.retry_after.has_value() ? Kind::kBusy : Kind::kDown;
}

}  // namespace

ForwardAnswer ReadForwardReply(const absl::StatusOr<EstReply>& reply,
                               ByteView spki, const Trust& trust,
                               absl::Time now) {
  if (!reply.ok()) return AnswerOf(reply.status());
  if (reply->status == 200) {
    absl::StatusOr<IssuedCredential> issued =
        CheckIssued(reply->body, spki, trust, now, PathPurpose::kAny);
    if (!issued.ok()) {
      return Answer(Kind::kBadReply, std::string(issued.status().message()));
    }
    ForwardAnswer answer;
    answer.kind = Kind::kIssued;
    answer.certificate = std::move(issued->certificate);
    return answer;
  }
  ForwardAnswer answer;
  answer.retry_after = reply->retry_after;
  if (reply->status == 202) {
    answer.kind = Kind::kWaiting;
    return answer;
  }
  answer.kind = KindOfError(*reply);
  answer.reason =
      absl::StrCat("the upstream CA answered ", reply->status,
                   reply->reason.empty() ? "" : ": ", reply->reason);
  return answer;
}

absl::StatusOr<std::unique_ptr<Upstreams>> Upstreams::Create(Options options) {
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  return std::unique_ptr<Upstreams>(
      new Upstreams(std::move(options), *std::move(loop)));
}

Upstreams::Upstreams(Options options, std::unique_ptr<EventLoop> loop)
    : options_(std::move(options)), loop_(std::move(loop)) {
  thread_ = std::thread([this] {
    loop_->Run();
    // On the thread that owns them.
    upstreams_.clear();
    tls_keeper_.reset();
  });
}

void Upstreams::Stop() {
  if (!thread_.joinable()) return;
  loop_->Stop();
  thread_.join();
}

void Upstreams::Configure(std::vector<UpstreamConnection> connections,
                          std::optional<TlsWish> tls) {
  loop_->Post(
      [this, connections = std::move(connections), tls = std::move(tls)] {
        ConfigureNow(connections);
        ConfigureTlsNow(tls);
      });
}

void Upstreams::ConfigureNow(
    const std::vector<UpstreamConnection>& connections) {
  for (auto it = upstreams_.begin(); it != upstreams_.end();) {
    const bool stays = std::find(connections.begin(), connections.end(),
                                 it->second->connection) != connections.end();
    if (stays) {
      Reload(*it->second->keeper, it->second->connection);
      ++it;
      continue;
    }
    // While it can still be found, by what asks for the answers' meaning.
    it->second->pool->EndAll(
        absl::AbortedError("the settings of the upstream have changed"));
    std::lock_guard<std::mutex> lock(mutex_);
    csr_attrs_.erase(it->first);
    it = upstreams_.erase(it);
  }
  for (const UpstreamConnection& connection : connections) {
    if (upstreams_.count(connection.folder) == 0) Add(connection);
  }
}

void Upstreams::Reload(UpstreamKeeper& keeper,
                       const UpstreamConnection& connection) {
  const absl::Status status = keeper.Reload();
  if (status.ok()) return;
  options_.log(absl::StrCat("upstream ", connection.server.ToText(),
                            " goes on with what it had: ", status.message()));
}

std::unique_ptr<UpstreamKeeper> Upstreams::MakeKeeper(
    UpstreamKeeper::Options options) {
  options.state_dir = options_.state_dir;
  options.clock = options_.clock;
  options.log = options_.log;
  const std::string server = options.connection.server.ToText();
  absl::StatusOr<std::unique_ptr<UpstreamKeeper>> keeper =
      UpstreamKeeper::Create(*loop_, std::move(options));
  if (keeper.ok()) return *std::move(keeper);
  options_.log(absl::StrCat("upstream ", server,
                            " can't be used: ", keeper.status().message()));
  return nullptr;
}

void Upstreams::ConfigureTlsNow(const std::optional<TlsWish>& tls) {
  if (tls == tls_ && tls_keeper_ != nullptr) {
    return Reload(*tls_keeper_, tls_->config.upstream);
  }
  tls_keeper_.reset();
  tls_ = tls;
  if (!tls_.has_value() || !make_tls_) return;
  UpstreamKeeper::Options options;
  options.connection = tls_->config.upstream;
  options.own = make_tls_(*tls_);
  options.keeps_csr_attrs = false;
  tls_keeper_ = MakeKeeper(std::move(options));
  if (tls_keeper_ != nullptr) tls_keeper_->Start();
}

void Upstreams::Add(const UpstreamConnection& connection) {
  const std::string& folder = connection.folder;
  UpstreamKeeper::Options options;
  options.connection = connection;
  options.own = std::make_unique<RaCertificate>(
      UpstreamFiles(absl::StrCat(options_.state_dir, "/", folder)),
      connection.username);
  options.on_change = [this, folder] { OnChange(folder); };
  options.on_ca_certs = [this,
                         folder](const std::vector<Certificate>& learned) {
    if (on_ca_certs_) on_ca_certs_(folder, learned);
  };
  std::unique_ptr<UpstreamKeeper> keeper = MakeKeeper(std::move(options));
  if (keeper == nullptr) return;
  ConnectionPool::Options pool;
  pool.server = connection.server;
  pool.connections = static_cast<size_t>(connection.connections);
  pool.queued = static_cast<size_t>(connection.queued);
  pool.timeout = connection.timeout;
  auto upstream = std::make_unique<Upstream>();
  upstream->connection = connection;
  upstream->keeper = std::move(keeper);
  upstream->pool = std::make_unique<ConnectionPool>(*loop_, std::move(pool));
  UpstreamKeeper& started = *upstream->keeper;
  upstreams_.emplace(folder, std::move(upstream));
  started.Start();
}

void Upstreams::OnChange(const std::string& folder) {
  const auto it = upstreams_.find(folder);
  if (it == upstreams_.end()) return;
  const UpstreamKeeper& keeper = *it->second->keeper;
  absl::StatusOr<std::shared_ptr<const TlsContext>> tls =
      keeper.ForwardingTls();
  it->second->pool->SetTls(tls.ok() ? *std::move(tls) : nullptr);
  std::lock_guard<std::mutex> lock(mutex_);
  csr_attrs_[folder] = keeper.csr_attrs();
}

void Upstreams::Forward(ForwardRequest request, Done done) {
  loop_->Post(
      [this, request = std::move(request), done = std::move(done)]() mutable {
        ForwardNow(std::move(request), std::move(done));
      });
}

void Upstreams::ForwardNow(ForwardRequest request, Done done) {
  const std::string folder = request.folder;
  const auto it = upstreams_.find(folder);
  if (it == upstreams_.end()) {
    return done(
        Answer(Kind::kNotServed, "the upstream of this label can't be used"));
  }
  const Upstream& upstream = *it->second;
  // The upstream would issue it to the registration authority itself.
  if (request.common_name.empty() ||
      absl::EqualsIgnoreCase(request.common_name,
                             upstream.connection.username) ||
      absl::EqualsIgnoreCase(request.common_name,
                             upstream.keeper->own_name())) {
    return done(Answer(Kind::kRefused,
                       "the request's common name is empty, or that of the "
                       "registration authority itself"));
  }
  const absl::Status usable = upstream.keeper->ForwardingTls().status();
  if (!usable.ok()) {
    return done(
        Answer(absl::IsUnavailable(usable) ? Kind::kDown : Kind::kNotServed,
               std::string(usable.message())));
  }
  upstream.pool->PostCsr(
      std::move(request.csr_der),
      [this, folder, spki = std::move(request.spki),
       done = std::move(done)](absl::StatusOr<EstReply> reply) {
        const auto it = upstreams_.find(folder);
        // What was posted by then: that the queue was full.
        if (it == upstreams_.end()) return done(AnswerOf(reply.status()));
        ForwardAnswer answer = ReadForwardReply(
            reply, spki, it->second->keeper->trust(), options_.clock->Now());
        if (answer.kind != Kind::kIssued && answer.kind != Kind::kWaiting &&
            answer.kind != Kind::kRefused) {
          options_.log(absl::StrCat(
              "upstream ", it->second->connection.server.ToText(), ": ",
              reply.ok() ? answer.reason : reply.status().message()));
        }
        done(std::move(answer));
      });
}

std::optional<Bytes> Upstreams::CsrAttrs(const std::string& folder) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto it = csr_attrs_.find(folder);
  return it == csr_attrs_.end() ? std::nullopt : it->second;
}

}  // namespace bestow::server
