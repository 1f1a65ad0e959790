// This server's own certificate: its first, and its renewals.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"
#include "common/base/secret.h"
#include "common/est/csr_attrs.h"
#include "common/est/protocol.h"
#include "common/pki/oids.h"
#include "common/pki/pkcs10.h"
#include "server/upstream/upstream_keeper.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxSecretBytes = 4096;
// A server that answers each new connection with another challenge.
constexpr int kMaxAskedAgain = 2;

absl::StatusOr<Secret> ReadSecret(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxSecretBytes);
  if (!text.ok()) return text.status();
  std::string_view line = *text;
  absl::ConsumeSuffix(&line, "\n");
  absl::ConsumeSuffix(&line, "\r");
  Secret secret(line);
  Cleanse(text->data(), text->size());
  if (secret.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is empty"));
  }
  return secret;
}

enum class Link { kNone, kChallengePassword, kEstIdentityLinking };

// RFC 7030 3.5 and 4.5.2: how the upstream asks for a link to the TLS session.
Link WantedLink(const Bytes& csr_attrs_der) {
  if (csr_attrs_der.empty()) return Link::kNone;
  absl::StatusOr<est::CsrAttrs> attrs = est::ParseCsrAttrsDer(csr_attrs_der);
  if (!attrs.ok()) return Link::kNone;
  if (est::ContainsOid(*attrs, oids::EstIdentityLinking())) {
    return Link::kEstIdentityLinking;
  }
  return est::ContainsOid(*attrs, oids::ChallengePassword())
             ? Link::kChallengePassword
             : Link::kNone;
}

}  // namespace

std::string UpstreamKeeper::What(bool renew) const {
  return absl::StrCat(renew ? "renewing " : "enrolling for ",
                      options_.own->What());
}

void UpstreamKeeper::Enroll(bool renew) {
  // In turns: one of them may have been a mistake that is mended by now.
  if (renew && std::exchange(renewal_refused_, false)) {
    const auto introducer = options_.own->Introducer();
    renew = !introducer.ok() || !introducer->has_value();
  }
  absl::Status status = ChooseLogin(renew);
  if (status.ok()) status = PrepareKey();
  if (!status.ok()) return Fail(What(renew), status);
  SendCsr(renew);
}

absl::Status UpstreamKeeper::ChooseLogin(bool renew) {
  login_.reset();
  if (renew) return absl::OkStatus();
  absl::StatusOr<std::optional<TlsCredential>> introducer =
      options_.own->Introducer();
  if (!introducer.ok()) return introducer.status();
  if (introducer->has_value()) return absl::OkStatus();
  const std::string& file = options_.connection.secret_file;
  if (file.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "it is not in ", options_.connection.folder,
        ", or is over, and there is no secret_file to get one by"));
  }
  login_.emplace(
      options_.connection.username,
      [path = file[0] == '/' ? file
                             : absl::StrCat(options_.state_dir, "/", file)] {
        return ReadSecret(path);
      });
  return absl::OkStatus();
}

// On the disk before it is used: after a lost reply the same key asks again.
absl::Status UpstreamKeeper::PrepareKey() {
  if (next_key_ != nullptr) return absl::OkStatus();
  const std::optional<OwnCredential>& present = kept_.credential;
  if (present.has_value() && !options_.own->new_key()) {
    next_key_ = present->key;
    return absl::OkStatus();
  }
  absl::StatusOr<std::shared_ptr<SoftwareSigner>> left = files_.LoadNextKey();
  if (left.ok()) {
    const bool is_over =
        present.has_value() &&
        present->key->public_key_spki() == (*left)->public_key_spki();
    if (!is_over && (*left)->type() == options_.connection.key_type) {
      next_key_ = *std::move(left);
      return absl::OkStatus();
    }
  } else if (!absl::IsNotFound(left.status()) &&
             !absl::IsFailedPrecondition(left.status())) {
    // It is there, perhaps: a secret may be bound to it.
    return left.status();
  }
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> made =
      SoftwareSigner::Generate(options_.connection.key_type);
  if (!made.ok()) return made.status();
  absl::Status status = files_.SaveNextKey(**made);
  if (status.ok()) next_key_ = *std::move(made);
  return status;
}

absl::StatusOr<Bytes> UpstreamKeeper::MakeCsr(bool renew) const {
  Pkcs10Template wanted;
  wanted.spki = next_key_->public_key_spki();
  if (renew) {
    // RFC 7030 4.2.2: the names stay.
    wanted.subject = kept_.credential->chain.front().subject;
    wanted.sans = kept_.credential->chain.front().sans;
  } else {
    absl::Status status = options_.own->SetNames(wanted);
    if (!status.ok()) return status;
  }
  const Link link = WantedLink(csr_attrs_.value_or(Bytes()));
  if (link != Link::kNone) {
    absl::StatusOr<std::string> binding = client_->ChannelBinding();
    if (!binding.ok()) return binding.status();
    (link == Link::kChallengePassword ? wanted.challenge_password
                                      : wanted.est_identity_linking) = *binding;
  }
  absl::StatusOr<Bytes> info = SerializePkcs10InfoDer(wanted);
  if (!info.ok()) return info.status();
  // A key of a file signs at once.
  absl::StatusOr<Bytes> signature = SignAndWait(*next_key_, *info);
  if (!signature.ok()) return signature.status();
  return AssemblePkcs10Der(*info, next_key_->algorithm(), *signature);
}

void UpstreamKeeper::SendCsr(bool renew) {
  const Channel channel = renew                ? Channel::kCredential
                          : login_.has_value() ? Channel::kAnchors
                                               : Channel::kIntroducer;
  Connect(What(renew), channel, [this, renew] {
    AskCsrAttrs(What(renew), [this, renew] {
      absl::StatusOr<Bytes> csr = MakeCsr(renew);
      if (!csr.ok()) return Fail(What(renew), csr.status());
      client_->PostCsr(renew ? est::Operation::kSimpleReenroll
                             : est::Operation::kSimpleEnroll,
                       *csr, login_.has_value() ? &*login_ : nullptr,
                       [this, client = client_.get(),
                        renew](absl::StatusOr<EstReply> reply) {
                         if (client == client_.get()) TakeIssued(reply, renew);
                       });
    });
  });
}

void UpstreamKeeper::TakeIssued(const absl::StatusOr<EstReply>& reply,
                                bool renew) {
  if (!reply.ok()) return Fail(What(renew), reply.status());
  if (reply->ask_again && ++asked_again_ <= kMaxAskedAgain) {
    return SendCsr(renew);
  }
  if (reply->status == 202) {
    return Fail(What(renew),
                absl::UnavailableError("it waits for approval there"),
                reply->retry_after);
  }
  if (reply->status != 200) {
    Refused(What(renew), *reply);
    renewal_refused_ = renew && refused_;
    return;
  }
  const absl::Time now = options_.clock->Now();
  absl::StatusOr<IssuedCredential> issued =
      CheckIssued(reply->body, next_key_->public_key_spki(), kept_.trust, now,
                  options_.own->purpose());
  if (!issued.ok()) return Fail(What(renew), issued.status());
  OwnCredential credential;
  credential.key = next_key_;
  credential.chain.push_back(std::move(issued->certificate));
  credential.chain.insert(credential.chain.end(), issued->chain.begin(),
                          issued->chain.end());
  absl::Status status =
      options_.own->Finish(credential, kept_.trust,
                           renew ? &kept_.credential->chain.front() : nullptr);
  if (!status.ok()) return Fail(What(renew), status);
  status = options_.own->Save(credential);
  if (!status.ok()) {
    return Fail(absl::StrCat("keeping ", options_.own->What()), status);
  }
  // One that stays is dropped when the next one is made.
  files_.RemoveNextKey().IgnoreError();
  kept_.credential = std::move(credential);
  next_key_ = nullptr;
  renewal_refused_ = false;
  obtained_at_ = now;
  const Certificate& certificate = kept_.credential->chain.front();
  const bool is_cmc_ra =
      std::find(certificate.extended_key_usage.begin(),
                certificate.extended_key_usage.end(),
                oids::KpCmcRa()) != certificate.extended_key_usage.end();
  options_.log(absl::StrCat(
      "upstream ", options_.connection.server.ToText(), ": ",
      renew ? "renewed " : "got ", options_.own->What(), ", ",
      certificate.subject.ToText(), is_cmc_ra ? " (id-kp-cmcRA)" : "",
      ", serial ", certificate.SerialHex(), ", until ",
      absl::FormatTime(absl::RFC3339_sec, certificate.not_after,
                       absl::UTCTimeZone())));
  if (options_.on_change) options_.on_change();
  Succeed();
}

}  // namespace bestow::server
