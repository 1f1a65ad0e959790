#include "server/upstream/ra_keeper.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/est/csr_attrs.h"
#include "common/est/protocol.h"
#include "common/est_client/trust_source.h"
#include "common/pki/certs_only.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kFirstPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Minutes(5);
// What a server may say to come back after; then it is asked nevertheless.
constexpr absl::Duration kLongestRetryAfter = absl::Hours(24);
// The wall clock may be set meanwhile.
constexpr absl::Duration kLongestSleep = absl::Minutes(1);
// The part of a certificate's time after which it is renewed.
constexpr double kRenewAt = 2.0 / 3.0;

std::string AbsolutePath(const std::string& state_dir,
                         const std::string& name) {
  return name.empty() || name[0] == '/' ? name
                                        : absl::StrCat(state_dir, "/", name);
}

}  // namespace

RaKeeper::RaKeeper(EventLoop& loop, Options options, RaFiles files)
    : loop_(loop), options_(std::move(options)), files_(std::move(files)) {}

RaKeeper::~RaKeeper() = default;

absl::StatusOr<std::unique_ptr<RaKeeper>> RaKeeper::Create(EventLoop& loop,
                                                           Options options) {
  RaFiles files(
      absl::StrCat(options.state_dir, "/", options.connection.folder));
  std::unique_ptr<RaKeeper> keeper(
      new RaKeeper(loop, std::move(options), std::move(files)));
  absl::Status status = keeper->Load();
  if (!status.ok()) return status;
  return keeper;
}

absl::Status RaKeeper::Load() {
  const UpstreamConnection& connection = options_.connection;
  absl::StatusOr<std::vector<Certificate>> configured =
      ReadConfiguredCas(AbsolutePath(options_.state_dir, connection.anchors));
  if (!configured.ok()) {
    return absl::FailedPreconditionError(configured.status().message());
  }
  configured_ = *std::move(configured);
  trust_source_ = TrustSource(connection.anchors_sha256, configured_);
  absl::StatusOr<std::vector<Certificate>> learned =
      files_.LoadCaCerts(trust_source_);
  if (!learned.ok()) return learned.status();
  learned_ = *std::move(learned);
  absl::StatusOr<Trust> trust =
      MakeTrust(configured_, learned_, connection.anchors_sha256);
  if (!trust.ok()) return trust.status();
  trust_ = *std::move(trust);
  absl::StatusOr<RaCredential> credential = files_.LoadCredential();
  if (credential.ok()) {
    obtained_at_ = credential->chain.front().not_before;
    credential_ = *std::move(credential);
  } else if (!absl::IsNotFound(credential.status())) {
    return credential.status();
  }
  return absl::OkStatus();
}

bool RaKeeper::has_credential(absl::Time now) const {
  return credential_.has_value() && now < credential_->chain.front().not_after;
}

absl::Time RaKeeper::RenewalTime() const {
  const absl::Duration lifetime =
      credential_->chain.front().not_after - obtained_at_;
  return obtained_at_ + lifetime * kRenewAt;
}

std::string RaKeeper::ra_name() const {
  return credential_.has_value()
             ? std::string(credential_->chain.front().subject.common_name())
             : "";
}

void RaKeeper::Start() {
  if (options_.on_change) options_.on_change();
  WaitUntil(absl::InfinitePast());
}

void RaKeeper::WaitUntil(absl::Time due) {
  const absl::Duration pause = std::clamp(due - options_.clock->Now(),
                                          absl::ZeroDuration(), kLongestSleep);
  timer_ = loop_.RunAfter(pause, [this, due] {
    // A timer must not end itself.
    loop_.Post([old = std::shared_ptr<EventLoop::Timer>(std::move(timer_))] {});
    if (options_.clock->Now() < due) return WaitUntil(due);
    Next();
  });
}

void RaKeeper::Next() {
  const absl::Time now = options_.clock->Now();
  if (trust_.anchors == nullptr) return FetchCaCerts(Channel::kPinned);
  // First, for the reply to a request holds no intermediates.
  if (now >= ca_certs_due_) {
    // Whatever comes of it: it must not stand before the rest for ever.
    ca_certs_due_ = now + std::min(options_.connection.refresh, kLongestPause);
    return FetchCaCerts(Channel::kAnchors);
  }
  if (!has_credential(now)) return Enroll(/*renew=*/false);
  if (now >= RenewalTime()) return Enroll(/*renew=*/true);
  if (now >= csr_attrs_due_) return FetchCsrAttrs();
  WaitUntil(std::min({RenewalTime(), ca_certs_due_, csr_attrs_due_}));
}

void RaKeeper::Succeed() {
  if (failures_ > 0) {
    options_.log(absl::StrCat("upstream ", options_.connection.server.ToText(),
                              ": all is well again"));
  }
  failures_ = 0;
  asked_again_ = 0;
  refused_ = false;
  Disconnect();
  WaitUntil(absl::InfinitePast());
}

void RaKeeper::Fail(std::string_view what, const absl::Status& status,
                    std::optional<absl::Duration> retry_after) {
  refused_ = absl::IsPermissionDenied(status);
  absl::Duration pause =
      std::min(kFirstPause * static_cast<double>(1 << std::min(failures_, 10)),
               kLongestPause);
  if (retry_after.has_value()) {
    pause = std::max(pause, std::min(*retry_after, kLongestRetryAfter));
  }
  ++failures_;
  asked_again_ = 0;
  options_.log(absl::StrCat("upstream ", options_.connection.server.ToText(),
                            ": ", what, ": ", status.message(),
                            "; tried again in ", absl::FormatDuration(pause)));
  Disconnect();
  WaitUntil(options_.clock->Now() + pause);
}

void RaKeeper::Refused(std::string_view what, const EstReply& reply) {
  const std::string text =
      absl::StrCat("it answered ", reply.status,
                   reply.reason.empty() ? "" : ": ", reply.reason);
  const bool is_word = reply.status >= 400 && reply.status < 500 &&
                       reply.status != 408 && reply.status != 429;
  Fail(what,
       is_word ? absl::PermissionDeniedError(text)
               : absl::UnavailableError(text),
       reply.retry_after);
}

absl::StatusOr<std::shared_ptr<const TlsContext>> RaKeeper::MakeTls(
    Channel channel) const {
  TlsClientOptions options;
  if (channel == Channel::kPinned) {
    options.pinned_ca_sha256 = options_.connection.anchors_sha256;
  } else {
    options.server_anchors = trust_.anchors;
  }
  if (channel == Channel::kCredential) {
    TlsCredential credential;
    for (const Certificate& certificate : credential_->chain) {
      credential.chain.push_back(certificate.der);
    }
    credential.signer = credential_->key;
    options.credential = std::move(credential);
  }
  return TlsContext::CreateClient(std::move(options), *options_.clock);
}

absl::StatusOr<std::shared_ptr<const TlsContext>> RaKeeper::ForwardingTls()
    const {
  if (trust_.anchors != nullptr && has_credential(options_.clock->Now())) {
    return MakeTls(Channel::kCredential);
  }
  constexpr std::string_view kWhy =
      "this server has no certificate of a registration authority from its "
      "upstream";
  return refused_ ? absl::PermissionDeniedError(kWhy)
                  : absl::UnavailableError(kWhy);
}

void RaKeeper::Disconnect() {
  timer_.reset();
  // We may be inside of its callback: it goes on the loop's next turn.
  loop_.Post([old = std::shared_ptr<EstClient>(std::move(client_))] {});
}

void RaKeeper::Connect(std::string_view what, Channel channel,
                       std::function<void()> use) {
  Disconnect();
  absl::StatusOr<std::shared_ptr<const TlsContext>> tls = MakeTls(channel);
  if (!tls.ok()) return Fail(what, tls.status());
  client_ = std::make_unique<EstClient>(loop_, options_.connection.server,
                                        *std::move(tls));
  timer_ = loop_.RunAfter(
      options_.connection.timeout, [this, what = std::string(what)] {
        loop_.Post(
            [old = std::shared_ptr<EventLoop::Timer>(std::move(timer_))] {});
        Fail(what, absl::DeadlineExceededError("no answer in time"));
      });
  client_->Connect([this, client = client_.get(), what = std::string(what),
                    use = std::move(use)](absl::Status status) {
    if (client != client_.get()) return;  // its time was over
    if (!status.ok()) return Fail(what, status);
    use();
  });
}

void RaKeeper::FetchCaCerts(Channel channel) {
  Connect("fetching the CA certificates", channel, [this, channel] {
    client_->Get(est::Operation::kCaCerts, nullptr,
                 [this, client = client_.get(),
                  channel](absl::StatusOr<EstReply> reply) {
                   if (client == client_.get()) TakeCaCerts(reply, channel);
                 });
  });
}

void RaKeeper::TakeCaCerts(const absl::StatusOr<EstReply>& reply,
                           Channel channel) {
  constexpr std::string_view kWhat = "fetching the CA certificates";
  if (!reply.ok()) return Fail(kWhat, reply.status());
  if (reply->status != 200) return Refused(kWhat, *reply);
  absl::StatusOr<CertsOnly> certs = ParseCertsOnlyDer(reply->body);
  if (!certs.ok()) return Fail(kWhat, certs.status());
  const std::optional<Bytes>& pin = options_.connection.anchors_sha256;
  Trust vouching = trust_;
  if (channel == Channel::kPinned) {
    absl::StatusOr<Certificate> pinned = FindPinned(certs->certificates, *pin);
    if (!pinned.ok()) return Fail(kWhat, pinned.status());
    absl::StatusOr<Trust> alone = MakeTrust(configured_, {*pinned}, pin);
    if (!alone.ok()) return Fail(kWhat, alone.status());
    vouching = *std::move(alone);
  }
  const absl::Time now = options_.clock->Now();
  CaUpdate update = UpdateCaCerts(vouching, learned_, certs->certificates, now);
  absl::StatusOr<Trust> trust = MakeTrust(configured_, update.learned, pin);
  if (!trust.ok()) return Fail(kWhat, trust.status());
  if (trust->anchors == nullptr) {
    return Fail(kWhat, absl::InvalidArgumentError(
                           "there is no CA certificate among them"));
  }
  ca_certs_due_ = now + options_.connection.refresh;
  if (update.refused != refused_cas_) {
    refused_cas_ = update.refused;
    for (const std::string& why : refused_cas_) {
      options_.log(absl::StrCat(
          "upstream: /cacerts has a certificate that is not taken: ", why));
    }
  }
  if (update.learned != learned_) {
    absl::Status status = files_.SaveCaCerts(trust_source_, update.learned);
    if (!status.ok()) return Fail("keeping the CA certificates", status);
    learned_ = std::move(update.learned);
    trust_ = *std::move(trust);
    options_.log(absl::StrCat("upstream ", options_.connection.server.ToText(),
                              ": got ", learned_.size(), " CA certificates"));
    if (options_.on_change) options_.on_change();
    if (options_.on_ca_certs) options_.on_ca_certs(learned_);
  }
  Succeed();
}

void RaKeeper::FetchCsrAttrs() {
  constexpr std::string_view kWhat = "fetching the CSR attributes";
  Connect(kWhat, Channel::kCredential, [this, kWhat] {
    AskCsrAttrs(kWhat, [this] {
      csr_attrs_due_ = options_.clock->Now() + options_.connection.refresh;
      Succeed();
    });
  });
}

void RaKeeper::AskCsrAttrs(std::string_view what, std::function<void()> then) {
  client_->Get(est::Operation::kCsrAttrs, nullptr,
               [this, client = client_.get(), what = std::string(what),
                then = std::move(then)](absl::StatusOr<EstReply> reply) {
                 if (client != client_.get()) return;
                 if (!reply.ok()) return Fail(what, reply.status());
                 // RFC 7030 4.5.2: 204 and 404 say that there are none.
                 if (reply->status == 204 || reply->status == 404) {
                   reply->body.clear();
                 } else if (reply->status != 200) {
                   return Refused(what, *reply);
                 }
                 if (!reply->body.empty()) {
                   absl::Status status =
                       est::ParseCsrAttrsDer(reply->body).status();
                   if (!status.ok()) return Fail(what, status);
                 }
                 if (csr_attrs_ != reply->body) {
                   csr_attrs_ = std::move(reply->body);
                   if (options_.on_change) options_.on_change();
                 }
                 then();
               });
}

}  // namespace bestow::server
