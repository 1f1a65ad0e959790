#include "server/upstream/upstream_keeper.h"

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

std::string AbsolutePath(const std::string& state_dir,
                         const std::string& name) {
  return name.empty() || name[0] == '/' ? name
                                        : absl::StrCat(state_dir, "/", name);
}

}  // namespace

UpstreamKeeper::UpstreamKeeper(EventLoop& loop, Options options,
                               UpstreamFiles files)
    : loop_(loop), options_(std::move(options)), files_(std::move(files)) {}

UpstreamKeeper::~UpstreamKeeper() = default;

absl::StatusOr<std::unique_ptr<UpstreamKeeper>> UpstreamKeeper::Create(
    EventLoop& loop, Options options) {
  UpstreamFiles files(
      absl::StrCat(options.state_dir, "/", options.connection.folder));
  std::unique_ptr<UpstreamKeeper> keeper(
      new UpstreamKeeper(loop, std::move(options), std::move(files)));
  absl::StatusOr<Kept> kept = keeper->Read();
  if (!kept.ok()) return kept.status();
  std::optional<OwnCredential> credential = std::move(kept->credential);
  keeper->kept_ = *std::move(kept);
  keeper->TakeCredential(std::move(credential));
  return keeper;
}

absl::StatusOr<UpstreamKeeper::Kept> UpstreamKeeper::Read() const {
  const UpstreamConnection& connection = options_.connection;
  Kept kept;
  absl::StatusOr<std::vector<Certificate>> configured =
      ReadConfiguredCas(AbsolutePath(options_.state_dir, connection.anchors));
  if (!configured.ok()) {
    return absl::FailedPreconditionError(configured.status().message());
  }
  kept.configured = *std::move(configured);
  kept.source = TrustSource(connection.anchors_sha256, kept.configured);
  absl::StatusOr<std::vector<Certificate>> learned =
      files_.LoadCaCerts(kept.source);
  if (!learned.ok()) return learned.status();
  kept.learned = *std::move(learned);
  absl::StatusOr<Trust> trust =
      MakeTrust(kept.configured, kept.learned, connection.anchors_sha256);
  if (!trust.ok()) return trust.status();
  kept.trust = *std::move(trust);
  absl::StatusOr<OwnCredential> credential = options_.own->Load();
  if (credential.ok()) {
    kept.credential = *std::move(credential);
  } else if (!absl::IsNotFound(credential.status())) {
    return credential.status();
  }
  return kept;
}

void UpstreamKeeper::TakeCredential(std::optional<OwnCredential> credential) {
  kept_.credential = std::move(credential);
  if (!kept_.credential.has_value()) return;
  // Earlier than it came, at most: it is then renewed the sooner.
  obtained_at_ = kept_.credential->chain.front().not_before;
}

absl::Status UpstreamKeeper::Reload() {
  absl::StatusOr<Kept> now = Read();
  if (!now.ok()) return now.status();
  const bool same_trust = now->source == kept_.source;
  const bool same_credential = now->credential == kept_.credential;
  if (same_trust && same_credential) return absl::OkStatus();
  Disconnect();
  if (!same_credential) {
    TakeCredential(std::move(now->credential));
    next_key_ = nullptr;  // it is on the disk
    renewal_refused_ = false;
  }
  if (!same_trust) {
    now->credential = std::move(kept_.credential);
    kept_ = *std::move(now);
    refused_cas_.clear();
    ca_certs_due_ = csr_attrs_due_ = absl::InfinitePast();
    options_.log(absl::StrCat("upstream ", options_.connection.server.ToText(),
                              ": its anchors are others now"));
  }
  failures_ = asked_again_ = 0;
  refused_ = false;
  if (options_.on_change) options_.on_change();
  // What was learned through the former ones is not to be served any more.
  if (!same_trust && options_.on_ca_certs) options_.on_ca_certs(kept_.learned);
  WaitUntil(absl::InfinitePast());
  return absl::OkStatus();
}

bool UpstreamKeeper::has_credential(absl::Time now) const {
  return kept_.credential.has_value() &&
         options_.own->IsUsable(*kept_.credential, kept_.trust, now);
}

absl::Time UpstreamKeeper::RenewalTime() const {
  const absl::Duration lifetime =
      kept_.credential->chain.front().not_after - obtained_at_;
  return obtained_at_ + lifetime * options_.own->renew_at();
}

bool UpstreamKeeper::OwnIsDue(absl::Time now) const {
  return !has_credential(now) || now >= RenewalTime() ||
         options_.own->WantsOtherNames(kept_.credential->chain.front());
}

std::string UpstreamKeeper::own_name() const {
  return kept_.credential.has_value()
             ? std::string(
                   kept_.credential->chain.front().subject.common_name())
             : "";
}

void UpstreamKeeper::Start() {
  if (options_.on_change) options_.on_change();
  WaitUntil(absl::InfinitePast());
}

void UpstreamKeeper::WaitUntil(absl::Time due) {
  const absl::Duration pause = std::clamp(due - options_.clock->Now(),
                                          absl::ZeroDuration(), kLongestSleep);
  const auto wake = [this, due] {
    // A timer must not end itself.
    loop_.Post([old = std::move(sleep_)] {});
    if (options_.clock->Now() < due) return WaitUntil(due);
    Next();
  };
  sleep_ = options_.sleep ? options_.sleep(pause, wake)
                          : std::shared_ptr<void>(loop_.RunAfter(pause, wake));
}

void UpstreamKeeper::Next() {
  const absl::Time now = options_.clock->Now();
  if (kept_.trust.anchors == nullptr) return FetchCaCerts(Channel::kPinned);
  // First, for the reply to a request holds no intermediates.
  if (now >= ca_certs_due_) {
    // Whatever comes of it: it must not stand before the rest for ever.
    ca_certs_due_ = now + std::min(options_.connection.refresh, kLongestPause);
    return FetchCaCerts(Channel::kAnchors);
  }
  if (!has_credential(now)) return Enroll(/*renew=*/false);
  if (now >= RenewalTime()) {
    return Enroll(options_.own->CanRenew(*kept_.credential, kept_.trust, now));
  }
  if (OwnIsDue(now)) return Enroll(/*renew=*/false);
  absl::Time next = std::min(RenewalTime(), ca_certs_due_);
  if (options_.keeps_csr_attrs) {
    if (now >= csr_attrs_due_) return FetchCsrAttrs();
    next = std::min(next, csr_attrs_due_);
  }
  WaitUntil(next);
}

void UpstreamKeeper::Succeed() {
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

void UpstreamKeeper::Fail(std::string_view what, const absl::Status& status,
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
  const absl::Time now = options_.clock->Now();
  if (OwnIsDue(now)) {
    options_.own->OnFailure(status, failures_,
                            kept_.credential.has_value()
                                ? &kept_.credential->chain.front()
                                : nullptr,
                            now, now + pause);
  }
  WaitUntil(now + pause);
}

void UpstreamKeeper::Refused(std::string_view what, const EstReply& reply) {
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

absl::StatusOr<std::shared_ptr<const TlsContext>> UpstreamKeeper::MakeTls(
    Channel channel) const {
  TlsClientOptions options;
  if (channel == Channel::kPinned) {
    options.pinned_ca_sha256 = options_.connection.anchors_sha256;
  } else {
    options.server_anchors = kept_.trust.anchors;
  }
  if (channel == Channel::kCredential) {
    options.credential = ToTlsCredential(*kept_.credential);
  } else if (channel == Channel::kIntroducer) {
    absl::StatusOr<std::optional<TlsCredential>> introducer =
        options_.own->Introducer();
    if (!introducer.ok()) return introducer.status();
    options.credential = *std::move(introducer);
  }
  return TlsContext::CreateClient(std::move(options), *options_.clock);
}

absl::StatusOr<std::shared_ptr<const TlsContext>>
UpstreamKeeper::ForwardingTls() const {
  if (kept_.trust.anchors != nullptr && has_credential(options_.clock->Now())) {
    return MakeTls(Channel::kCredential);
  }
  const std::string why = absl::StrCat("this server does not have ",
                                       options_.own->What(), ", or it is over");
  return refused_ ? absl::PermissionDeniedError(why)
                  : absl::UnavailableError(why);
}

void UpstreamKeeper::Disconnect() {
  deadline_.reset();
  sleep_.reset();
  // We may be inside of its callback: it goes on the loop's next turn.
  loop_.Post([old = std::shared_ptr<EstClient>(std::move(client_))] {});
}

void UpstreamKeeper::Connect(std::string_view what, Channel channel,
                             std::function<void()> use) {
  Disconnect();
  absl::StatusOr<std::shared_ptr<const TlsContext>> tls = MakeTls(channel);
  if (!tls.ok()) return Fail(what, tls.status());
  client_ = std::make_unique<EstClient>(loop_, options_.connection.server,
                                        *std::move(tls));
  deadline_ = loop_.RunAfter(
      options_.connection.timeout, [this, what = std::string(what)] {
        loop_.Post(
            [old = std::shared_ptr<EventLoop::Timer>(std::move(deadline_))] {});
        Fail(what, absl::DeadlineExceededError("no answer in time"));
      });
  client_->Connect([this, client = client_.get(), what = std::string(what),
                    use = std::move(use)](absl::Status status) {
    if (client != client_.get()) return;  // its time was over
    if (!status.ok()) return Fail(what, status);
    use();
  });
}

void UpstreamKeeper::FetchCaCerts(Channel channel) {
  Connect("fetching the CA certificates", channel, [this, channel] {
    client_->Get(est::Operation::kCaCerts, nullptr,
                 [this, client = client_.get(),
                  channel](absl::StatusOr<EstReply> reply) {
                   if (client == client_.get()) TakeCaCerts(reply, channel);
                 });
  });
}

void UpstreamKeeper::TakeCaCerts(const absl::StatusOr<EstReply>& reply,
                                 Channel channel) {
  constexpr std::string_view kWhat = "fetching the CA certificates";
  if (!reply.ok()) return Fail(kWhat, reply.status());
  if (reply->status != 200) return Refused(kWhat, *reply);
  absl::StatusOr<CertsOnly> certs = ParseCertsOnlyDer(reply->body);
  if (!certs.ok()) return Fail(kWhat, certs.status());
  const std::optional<Bytes>& pin = options_.connection.anchors_sha256;
  Trust vouching = kept_.trust;
  if (channel == Channel::kPinned) {
    absl::StatusOr<Certificate> pinned = FindPinned(certs->certificates, *pin);
    if (!pinned.ok()) return Fail(kWhat, pinned.status());
    absl::StatusOr<Trust> alone = MakeTrust(kept_.configured, {*pinned}, pin);
    if (!alone.ok()) return Fail(kWhat, alone.status());
    vouching = *std::move(alone);
  }
  const absl::Time now = options_.clock->Now();
  CaUpdate update =
      UpdateCaCerts(vouching, kept_.learned, certs->certificates, now);
  absl::StatusOr<Trust> trust =
      MakeTrust(kept_.configured, update.learned, pin);
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
  if (update.learned != kept_.learned) {
    absl::Status status = files_.SaveCaCerts(kept_.source, update.learned);
    if (!status.ok()) return Fail("keeping the CA certificates", status);
    kept_.learned = std::move(update.learned);
    kept_.trust = *std::move(trust);
    options_.log(absl::StrCat("upstream ", options_.connection.server.ToText(),
                              ": got ", kept_.learned.size(),
                              " CA certificates"));
    if (options_.on_change) options_.on_change();
    if (options_.on_ca_certs) options_.on_ca_certs(kept_.learned);
  }
  Succeed();
}

void UpstreamKeeper::FetchCsrAttrs() {
  constexpr std::string_view kWhat = "fetching the CSR attributes";
  Connect(kWhat, Channel::kCredential, [this, kWhat] {
    AskCsrAttrs(kWhat, [this] {
      csr_attrs_due_ = options_.clock->Now() + options_.connection.refresh;
      Succeed();
    });
  });
}

void UpstreamKeeper::AskCsrAttrs(std::string_view what,
                                 std::function<void()> then) {
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
