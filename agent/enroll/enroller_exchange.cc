// The enroller's part that talks to the server.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/enroll/enroller.h"
#include "common/base/failpoint.h"
#include "common/crypto/key_type.h"
#include "common/est/csr_attrs.h"
#include "common/est_client/trust_source.h"
#include "common/tls/tls_context.h"
#include "common/tpm/errors.h"
#include "common/tpm/tpm_public.h"

namespace bestow::agent {
namespace {

std::string_view WhatIsWanted(Mode mode) {
  return mode == Mode::kReenroll ? "renewing" : "enrolling";
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TlsContext>> Enroller::MakeTls(
    Channel channel) {
  TlsClientOptions options;
  options.versions = {.allow_1_2 = config_.tls_1_2,
                      .allow_1_3 = config_.tls_1_3};
  if (channel == Channel::kPinned) {
    options.pinned_ca_sha256 = config_.ca_sha256;
  } else {
    options.server_anchors = trust_.anchors;
  }
  tls_signer_.reset();
  if (channel == Channel::kWithCertificate) {
    auto signer = TpmSigner::Create(tpm_, current_->key);
    if (!signer.ok()) return signer.status();
    tls_signer_ = *std::move(signer);
    TlsCredential credential;
    credential.chain.push_back(current_->certificate.der);
    for (const Certificate& certificate : current_->chain) {
      credential.chain.push_back(certificate.der);
    }
    credential.signer = tls_signer_;
    options.credential = std::move(credential);
  }
  return TlsContext::CreateClient(std::move(options), clock_);
}

void Enroller::DropConnection() {
  if (client_ == nullptr) return;
  // We may be inside of its callback: it goes on the loop's next turn.
  loop_.Post([old = std::move(client_)] {});
  client_ = nullptr;
}

void Enroller::WithConnection(Channel channel, std::function<void()> use) {
  if (client_ != nullptr && channel_ == channel && client_->reusable()) {
    return use();
  }
  DropConnection();
  auto tls = MakeTls(channel);
  if (!tls.ok()) return Fail("preparing TLS", tls.status());
  client_ = std::make_shared<EstClient>(loop_, config_.server, *std::move(tls));
  channel_ = channel;
  client_->Connect(
      [this, guard = Guard(), use = std::move(use)](absl::Status status) {
        guard([&] {
          if (!status.ok()) return ConnectFailed(status);
          use();
        });
      });
}

void Enroller::ConnectFailed(const absl::Status& status) {
  // A signature that the TPM refused shows as a failed handshake.
  if (tls_signer_ != nullptr && !tls_signer_->last_error().ok()) {
    const absl::Status error = tls_signer_->last_error();
    return Fail("authenticating to the server", error,
                TpmActionOf(error) == TpmAction::kKeyLost
                    ? FailureKind::kCurrentKeyLost
                    : FailureKind::kOther);
  }
  Fail(absl::StrCat("connecting to ", config_.server.ToText()), status);
}

bool Enroller::IsRefusal(int status) {
  switch (status) {
    case 404:  // wrong place
    case 408:  // too slow
    case 425:  // too early
    case 429:  // too often
      return false;
    default:
      return status >= 400 && status < 500;
  }
}

HttpLogin* Enroller::LoginFor(Mode mode) {
  return mode == Mode::kEnroll ? &*login_ : nullptr;
}

void Enroller::Refused(std::string_view what, const EstReply& reply) {
  std::string advice;
  if (reply.status == 401) {
    advice = channel_ == Channel::kWithCertificate
                 ? "; the server does not accept the current certificate"
                 : "; are identity.username and secret_file right, and was a "
                   "one-time secret not used for another key before?";
  } else if (reply.status == 404) {
    advice = "; is server.url right?";
  }
  Handle(event::Failed{
      IsRefusal(reply.status) ? FailureKind::kRefused : FailureKind::kOther,
      absl::StrCat(what, ": the server answered ", reply.status,
                   reply.reason.empty() ? "" : ": ", reply.reason, advice),
      reply.retry_after});
}

void Enroller::Do(const action::FetchCsrAttrs& action) {
  AskCsrAttrs(action.mode);
}

// RFC 7030 4.5: a server should not ask who we are here, but may.
void Enroller::AskCsrAttrs(Mode mode) {
  WithConnection(ChannelFor(mode), [this, mode] {
    client_->Get(est::Operation::kCsrAttrs, LoginFor(mode),
                 [this, guard = Guard(), mode](absl::StatusOr<EstReply> reply) {
                   guard([&] { TakeCsrAttrs(reply, mode); });
                 });
  });
}

void Enroller::TakeCsrAttrs(const absl::StatusOr<EstReply>& reply, Mode mode) {
  constexpr std::string_view kWhat = "fetching the CSR attributes";
  if (!reply.ok()) return Fail(kWhat, reply.status());
  if (reply->ask_again) return AskCsrAttrs(mode);
  plan_ = CsrPlan();
  // RFC 7030 4.5.2: 204 and 404 say that there are none.
  if (reply->status == 204 || reply->status == 404) return Handle(Planned());
  if (reply->status != 200) return Refused(kWhat, *reply);
  // An empty body says what 204 does.
  if (!reply->body.empty()) {
    auto attrs = est::ParseCsrAttrsDer(reply->body);
    if (!attrs.ok()) return Fail(kWhat, attrs.status());
    plan_ = PlanCsr(
        *attrs,
        mode == Mode::kReenroll
            ? CsrWishes{config_.key_type, current_->certificate.subject,
                        current_->certificate.sans}
            : CsrWishes{config_.key_type, config_.subject, config_.sans});
  }
  if (!plan_.unmet.empty()) {
    observer_.log(absl::StrCat(
        "note: the server asks for what this agent can't put into a request: ",
        absl::StrJoin(plan_.unmet, ", ")));
  }
  Handle(Planned());
}

event::CsrAttrsFetched Enroller::Planned() const {
  const auto type_of = [](const TpmKey& key) -> std::optional<KeyType> {
    auto spki = TpmPublicToSpki(key.public_blob);
    if (!spki.ok()) return std::nullopt;
    auto type = KeyTypeOfSpki(*spki);
    return type.ok() ? std::optional(*type) : std::nullopt;
  };
  event::CsrAttrsFetched planned;
  planned.wants_linking = plan_.link_with != LinkWith::kNothing;
  // A pending key outlives a change of the config: a one-time secret may be
  // bound to it.
  planned.pending_key_fits =
      pending_key_ &&
      (!plan_.key_type || type_of(*pending_key_) == plan_.key_type);
  planned.current_key_fits =
      current_ && type_of(current_->key) == WantedKeyType();
  return planned;
}

void Enroller::Do(const action::SendCsr& action) {
  if (Failpoint("agent.before_send")) {
    return Fail("", absl::InternalError("failpoint agent.before_send"));
  }
  Send(action.mode);
}

void Enroller::Send(Mode mode) {
  // RFC 7030 3.5: a linked request is for its own connection alone.
  const bool linked = plan_.link_with != LinkWith::kNothing;
  if (linked && (client_ == nullptr || !client_->reusable())) {
    return Handle(
        event::LinkBroken{absl::StrCat(WhatIsWanted(mode),
                                       ": the connection that the request is "
                                       "linked to ended before")});
  }
  WithConnection(ChannelFor(mode), [this, mode] {
    client_->PostCsr(
        mode == Mode::kReenroll ? est::Operation::kSimpleReenroll
                                : est::Operation::kSimpleEnroll,
        csr_der_, LoginFor(mode),
        [this, guard = Guard(), mode](absl::StatusOr<EstReply> reply) {
          guard([&] { TakeIssued(reply, mode); });
        });
  });
}

void Enroller::TakeIssued(const absl::StatusOr<EstReply>& reply, Mode mode) {
  const std::string_view what = WhatIsWanted(mode);
  if (!reply.ok()) return Fail(what, reply.status());
  if (Failpoint("agent.reply")) {
    return Fail("", absl::InternalError("failpoint agent.reply"));
  }
  if (reply->ask_again) return Send(mode);
  // RFC 9266 4.1: what a channel binding was used on is used for nothing else.
  if (plan_.link_with != LinkWith::kNothing) DropConnection();
  if (reply->status == 202) {
    return Handle(event::Deferred{reply->retry_after});
  }
  if (reply->status != 200) return Refused(what, *reply);
  auto spki = TpmPublicToSpki(RequestKey().public_blob);
  if (!spki.ok()) return Fail(what, spki.status());
  auto issued = CheckIssued(reply->body, *spki, trust_, clock_.Now());
  if (!issued.ok()) return Fail(what, issued.status());
  issued_ = *std::move(issued);
  Handle(event::Issued{});
}

}  // namespace bestow::agent
