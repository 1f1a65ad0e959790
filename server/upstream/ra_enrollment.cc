// The registration authority's own certificate: its first, and its renewals.
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
#include "server/upstream/ra_keeper.h"

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

std::string_view What(bool renew) {
  return renew ? "renewing the registration authority's certificate"
               : "enrolling as registration authority";
}

}  // namespace

void RaKeeper::Enroll(bool renew) {
  if (!renew && options_.connection.secret_file.empty()) {
    return Fail(What(renew),
                absl::FailedPreconditionError(absl::StrCat(
                    "there is no usable ra.pem in ", options_.connection.folder,
                    ", and no upstream.secret_file to get one by")));
  }
  absl::Status status = PrepareKey();
  if (!status.ok()) return Fail(What(renew), status);
  if (renew) {
    login_.reset();
  } else {
    const std::string& file = options_.connection.secret_file;
    login_.emplace(
        options_.connection.username,
        [path = file[0] == '/' ? file
                               : absl::StrCat(options_.state_dir, "/", file)] {
          return ReadSecret(path);
        });
  }
  SendCsr(renew);
}

// On the disk before it is used: after a lost reply the same key asks again.
absl::Status RaKeeper::PrepareKey() {
  if (next_key_ != nullptr) return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<SoftwareSigner>> left = files_.LoadNextKey();
  if (left.ok() && (*left)->type() == options_.connection.key_type) {
    next_key_ = *std::move(left);
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> made =
      SoftwareSigner::Generate(options_.connection.key_type);
  if (!made.ok()) return made.status();
  absl::Status status = files_.SaveNextKey(**made);
  if (status.ok()) next_key_ = *std::move(made);
  return status;
}

absl::StatusOr<Bytes> RaKeeper::MakeCsr(bool renew) const {
  Pkcs10Template wanted;
  wanted.spki = next_key_->public_key_spki();
  if (renew) {
    // RFC 7030 4.2.2: the names stay.
    wanted.subject = credential_->chain.front().subject;
    wanted.sans = credential_->chain.front().sans;
  } else {
    absl::StatusOr<Name> subject =
        Name::FromCommonName(options_.connection.username);
    if (!subject.ok()) return subject.status();
    wanted.subject = *std::move(subject);
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

void RaKeeper::SendCsr(bool renew) {
  const Channel channel = renew ? Channel::kCredential : Channel::kAnchors;
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

void RaKeeper::TakeIssued(const absl::StatusOr<EstReply>& reply, bool renew) {
  if (!reply.ok()) return Fail(What(renew), reply.status());
  if (reply->ask_again && ++asked_again_ <= kMaxAskedAgain) {
    return SendCsr(renew);
  }
  if (reply->status == 202) {
    return Fail(What(renew),
                absl::UnavailableError("it waits for approval there"),
                reply->retry_after);
  }
  if (reply->status != 200) return Refused(What(renew), *reply);
  const absl::Time now = options_.clock->Now();
  absl::StatusOr<IssuedCredential> issued =
      CheckIssued(reply->body, next_key_->public_key_spki(), trust_, now);
  if (!issued.ok()) return Fail(What(renew), issued.status());
  RaCredential credential;
  credential.key = next_key_;
  credential.chain.push_back(std::move(issued->certificate));
  credential.chain.insert(credential.chain.end(), issued->chain.begin(),
                          issued->chain.end());
  absl::Status status = files_.SaveCredential(credential);
  if (!status.ok()) return Fail("keeping the certificate", status);
  credential_ = std::move(credential);
  next_key_ = nullptr;
  obtained_at_ = now;
  const Certificate& certificate = credential_->chain.front();
  const bool is_cmc_ra =
      std::find(certificate.extended_key_usage.begin(),
                certificate.extended_key_usage.end(),
                oids::KpCmcRa()) != certificate.extended_key_usage.end();
  options_.log(absl::StrCat(
      "upstream ", options_.connection.server.ToText(), ": ",
      renew ? "renewed" : "got", " the registration authority's certificate, ",
      certificate.subject.ToText(), is_cmc_ra ? " (id-kp-cmcRA)" : "",
      ", serial ", certificate.SerialHex(), ", until ",
      absl::FormatTime(absl::RFC3339_sec, certificate.not_after,
                       absl::UTCTimeZone())));
  if (options_.on_change) options_.on_change();
  Succeed();
}

}  // namespace bestow::server
