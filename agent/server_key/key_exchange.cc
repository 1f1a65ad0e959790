#include "agent/server_key/key_exchange.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/est/csr_attrs.h"
#include "common/tls/tls_context.h"

namespace bestow::agent {
namespace {

absl::Status Because(std::string_view what, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(what, ": ", status.message()));
}

std::string InTime(const std::optional<absl::Duration>& wait) {
  return wait ? absl::StrCat("in ", absl::FormatDuration(*wait)) : "later";
}

// What a reply other than 200 comes to.
absl::Status Refusal(const EstReply& reply, bool with_certificate) {
  if (reply.status == 202) {
    return absl::UnavailableError(absl::StrCat(
        "the server wants an operator's word first: run the same command "
        "again ",
        InTime(reply.retry_after)));
  }
  const std::string said = absl::StrCat(
      "the server answered ", reply.status,
      reply.reason.empty() ? "" : absl::StrCat(": ", reply.reason));
  if (reply.status == 503 || reply.status == 429) {
    return absl::UnavailableError(
        absl::StrCat(said, "; try again ", InTime(reply.retry_after)));
  }
  std::string_view advice;
  if (reply.status == 401) {
    advice = with_certificate
                 ? "; it does not accept the current certificate"
                 : "; are identity.username and secret_file right?";
  } else if (reply.status == 404 || reply.status == 501) {
    advice = "; it may not make keys for clients under this server.url";
  }
  return absl::PermissionDeniedError(absl::StrCat(said, advice));
}

}  // namespace

KeyExchange::KeyExchange(EventLoop& loop, const Context& context)
    : loop_(loop),
      context_(context),
      with_certificate_(HasValidCertificate()) {}

bool KeyExchange::HasValidCertificate() const {
  return context_.current &&
         context_.clock.Now() < context_.current->certificate.not_after;
}

absl::StatusOr<std::shared_ptr<const TlsContext>> KeyExchange::MakeTls() {
  TlsClientOptions options;
  options.versions = {.allow_1_2 = context_.config.tls_1_2,
                      .allow_1_3 = context_.config.tls_1_3};
  options.server_anchors = context_.trust.anchors;
  if (with_certificate_) {
    auto signer = TpmSigner::Create(context_.tpm, context_.current->key);
    if (!signer.ok()) return signer.status();
    tls_signer_ = *std::move(signer);
    TlsCredential credential;
    credential.chain.push_back(context_.current->certificate.der);
    for (const Certificate& certificate : context_.current->chain) {
      credential.chain.push_back(certificate.der);
    }
    credential.signer = tls_signer_;
    options.credential = std::move(credential);
  }
  return TlsContext::CreateClient(std::move(options), context_.clock);
}

void KeyExchange::Start(Done done) {
  done_ = std::move(done);
  if (context_.trust.anchors == nullptr) {
    return Finish(absl::FailedPreconditionError(
        "the server's CA is not known yet: enroll first (bestow-agent run)"));
  }
  auto tls = MakeTls();
  if (!tls.ok()) return Finish(Because("preparing TLS", tls.status()));
  tls_ = *std::move(tls);
  if (!with_certificate_) {
    login_.emplace(context_.config.username, [this] {
      return ReadSecretFile(context_.config.secret_file);
    });
  }
  AskAttributes();
}

// The client may be what calls: it goes with the exchange, later.
void KeyExchange::Finish(absl::StatusOr<HttpResponse> result) {
  loop_.Post([done = std::move(done_),
              result = std::make_shared<absl::StatusOr<HttpResponse>>(
                  std::move(result))] { done(std::move(*result)); });
}

void KeyExchange::WithConnection(std::function<void()> use) {
  if (client_ != nullptr && client_->reusable()) return use();
  // We may be inside of the old one's callback: it goes on the next turn.
  if (client_ != nullptr) loop_.Post([old = std::move(client_)] {});
  client_ = std::make_shared<EstClient>(loop_, context_.config.server, tls_);
  client_->Connect([this, use = std::move(use)](absl::Status status) {
    if (!status.ok()) return ConnectFailed(status);
    use();
  });
}

void KeyExchange::ConnectFailed(const absl::Status& status) {
  // A signature that the TPM refused shows as a failed handshake.
  if (tls_signer_ != nullptr && !tls_signer_->last_error().ok()) {
    return Finish(tls_signer_->last_error());
  }
  Finish(Because(
      absl::StrCat("connecting to ", context_.config.server.ToText()), status));
}

void KeyExchange::AskAttributes() {
  WithConnection([this] {
    client_->Get(
        est::Operation::kCsrAttrs, login(),
        [this](absl::StatusOr<EstReply> reply) { TakeAttributes(reply); });
  });
}

void KeyExchange::TakeAttributes(const absl::StatusOr<EstReply>& reply) {
  constexpr std::string_view kWhat = "fetching the CSR attributes";
  if (!reply.ok()) return Finish(Because(kWhat, reply.status()));
  // RFC 7030 4.5.2: 204 and 404 say that there are none.
  if (reply->status == 204 || reply->status == 404) return SendRequest();
  if (reply->ask_again) return AskAttributes();
  if (reply->status != 200) {
    return Finish(Because(kWhat, Refusal(*reply, with_certificate_)));
  }
  // An empty body says what 204 does.
  if (!reply->body.empty()) {
    auto attrs = est::ParseCsrAttrsDer(reply->body);
    if (!attrs.ok()) return Finish(Because(kWhat, attrs.status()));
    plan_ = PlanCsr(*attrs, {context_.request_key.type(),
                             context_.config.subject, context_.config.sans});
  }
  if (!plan_.unmet.empty()) {
    context_.log(absl::StrCat(
        "note: the server asks for what this agent can't put into a request: ",
        absl::StrJoin(plan_.unmet, ", ")));
  }
  const KeyType type = context_.request_key.type();
  if (plan_.key_type && *plan_.key_type != type) {
    context_.log(absl::StrCat("note: the server asks for keys of type ",
                              KeyTypeName(*plan_.key_type),
                              ", this request is for ", KeyTypeName(type)));
  }
  SendRequest();
}

absl::StatusOr<Bytes> KeyExchange::BuildRequest() {
  Bytes spki = context_.request_key.public_key_spki();
  // 4.4.1: "the server SHOULD treat the CSR as it would any enroll or re-enroll
  // CSR".
  Pkcs10Template wanted =
      with_certificate_
          ? ReenrollTemplate(context_.current->certificate, plan_,
                             std::move(spki))
          : EnrollTemplate(context_.config.subject, context_.config.sans, plan_,
                           std::move(spki));
  if (auto s = AskForProtection(context_.protection, &wanted); !s.ok()) {
    return s;
  }
  // RFC 7030 3.5, RFC 7894: for this connection alone.
  if (plan_.link_with != LinkWith::kNothing) {
    auto binding = client_->ChannelBinding();
    if (!binding.ok()) return binding.status();
    auto& attribute = plan_.link_with == LinkWith::kEstIdentityLinking
                          ? wanted.est_identity_linking
                          : wanted.challenge_password;
    attribute = *std::move(binding);
  }
  auto info = SerializePkcs10InfoDer(wanted);
  if (!info.ok()) return info.status();
  auto signature = SignAndWait(context_.request_key, *info);
  if (!signature.ok()) return signature.status();
  return AssemblePkcs10Der(*info, context_.request_key.algorithm(), *signature);
}

void KeyExchange::SendRequest() {
  WithConnection([this] {
    auto csr = BuildRequest();
    if (!csr.ok()) {
      return Finish(Because("building the request", csr.status()));
    }
    context_.log(absl::StrCat(
        "asking for a key of type ", KeyTypeName(context_.request_key.type()),
        ", protected by ", context_.protection.Describe()));
    client_->PostServerKeyGen(*csr, login(),
                              [this](absl::StatusOr<HttpResponse> response) {
                                TakeReply(std::move(response));
                              });
  });
}

void KeyExchange::TakeReply(absl::StatusOr<HttpResponse> response) {
  if (!response.ok()) return Finish(response.status());
  if (response->status == 200) return Finish(std::move(response));
  // Answered over a connection that ended with the challenge.
  if (response->status == 401 && login_ && login_->has_answer()) {
    return SendRequest();
  }
  auto reply = ReadEstReply(*response, context_.clock.Now());
  if (!reply.ok()) return Finish(reply.status());
  Finish(Refusal(*reply, with_certificate_));
}

}  // namespace bestow::agent
