#include "server/auth/certificate_auth.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/pki/revocation_reason.h"
#include "server/auth/auth_failure.h"
#include "server/config/name_template.h"
#include "server/store/setting_names.h"

namespace bestow::server {
namespace {

using Kind = AuthFailure::Kind;

absl::Status Failure(Kind kind, std::string_view message) {
  AuthFailure failure;
  failure.kind = kind;
  return MakeAuthFailure(failure, message);
}

absl::Status NoCertificate() {
  return Failure(Kind::kNoCertificate, "no TLS client certificate");
}

// A certificate that nobody here knows: why the handshake did not take it, or,
// where another service's anchors did, that this one does not.
absl::Status NotOurs(const TlsPeer& peer) {
  if (!peer.verification.ok()) {
    return Failure(Kind::kBadCertificate,
                   absl::StrCat("the TLS client certificate does not count: ",
                                peer.verification.message()));
  }
  return Failure(Kind::kBadCertificate,
                 "the TLS client certificate is not one that this server "
                 "issued");
}

absl::Status NotForLabel(const std::string& identity,
                         const std::string& label) {
  return Failure(
      Kind::kNotForLabel,
      absl::StrCat("the identity ", identity, " may not use ",
                   label.empty() ? "the service without a label"
                                 : absl::StrCat("the label ", label)));
}

absl::Status CheckNotRevoked(const CertificateRecord& record) {
  if (!record.revocation.has_value()) return absl::OkStatus();
  const Revocation& revocation = *record.revocation;
  const std::string since = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%SZ", revocation.at, absl::UTCTimeZone());
  if (revocation.reason == RevocationReason::kCertificateHold) {
    return Failure(
        Kind::kRevoked,
        absl::StrCat("the TLS client certificate is on hold since ", since,
                     ": it counts again when the operator releases "
                     "it"));
  }
  return Failure(
      Kind::kRevoked,
      absl::StrCat("the TLS client certificate was revoked at ", since, " (",
                   RevocationReasonName(revocation.reason),
                   "): it never counts again"));
}

std::vector<Certificate> Intermediates(const TlsPeer& peer) {
  return std::vector<Certificate>(peer.chain.begin() + 1, peer.chain.end());
}

}  // namespace

absl::StatusOr<Principal> CertificateAuth::Judge(const AuthRules& rules,
                                                 const TlsPeer& peer) const {
  if (peer.chain.empty()) return NoCertificate();
  if (!peer.verified()) return NotOurs(peer);
  absl::StatusOr<CertificateRecord> record = FindOurs(peer);
  if (record.ok()) {
    absl::Status status = CheckNotRevoked(*record);
    if (!status.ok()) return status;
    return JudgeOurs(rules, peer, *std::move(record), absl::ZeroDuration());
  }
  if (!absl::IsNotFound(record.status())) return record.status();
  absl::Status lost = CheckNotLost(rules, peer);
  if (!lost.ok()) return lost;
  if (rules.idevid_anchors == nullptr) return NotOurs(peer);
  return JudgeIdevid(rules, peer);
}

absl::StatusOr<Principal> CertificateAuth::JudgeForReenrollment(
    const AuthRules& rules, const TlsPeer& peer) const {
  if (peer.chain.empty()) return NoCertificate();
  // Of what the handshake refused, what has expired may be looked at again.
  const bool in_grace = rules.expired_grace > absl::ZeroDuration() &&
                        clock_.Now() > peer.chain.front().not_after;
  if (!peer.verified() && !in_grace) return NotOurs(peer);
  absl::StatusOr<CertificateRecord> record = FindOurs(peer);
  if (absl::IsNotFound(record.status())) {
    absl::Status lost = CheckNotLost(rules, peer);
    return lost.ok() ? NotOurs(peer) : lost;
  }
  if (!record.ok()) return record.status();
  absl::Status status = CheckNotRevoked(*record);
  if (!status.ok()) return status;
  // Whom another label let in shows here no less than at a first enrollment.
  const bool wants_password =
      rules.config.require == Require::kPassword ||
      rules.config.require == Require::kCertificateAndPassword;
  if (record->label != rules.label && wants_password) {
    return Failure(Kind::kNotForLabel,
                   "the TLS client certificate was issued under another label, "
                   "and this one asks for a password: use /simpleenroll");
  }
  return JudgeOurs(rules, peer, *std::move(record), rules.expired_grace);
}

absl::Status CertificateAuth::CheckNotLost(const AuthRules& rules,
                                           const TlsPeer& peer) const {
  // A service whose upstream has not been heard of yet.
  if (rules.ca_anchors == nullptr) return absl::OkStatus();
  absl::StatusOr<Bytes> made_at = store_.FindSetting(kRestoredSetting);
  if (absl::IsNotFound(made_at.status())) return absl::OkStatus();
  if (!made_at.ok()) return made_at.status();
  const Certificate& leaf = peer.chain.front();
  const absl::Time judged_at =
      std::min(clock_.Now(), leaf.not_after - absl::Seconds(1));
  if (!rules.ca_anchors
           ->Verify(leaf, Intermediates(peer), PathPurpose::kTlsClient,
                    judged_at)
           .ok()) {
    return absl::OkStatus();
  }
  return Failure(
      Kind::kBadCertificate,
      absl::StrCat("this service's CA issued the TLS client certificate, and "
                   "its record is lost: the server was restored from a backup "
                   "of ",
                   AsText(*made_at),
                   "; enroll anew, with a new one-time secret"));
}

absl::StatusOr<CertificateRecord> CertificateAuth::FindOurs(
    const TlsPeer& peer) const {
  const Certificate& leaf = peer.chain.front();
  absl::StatusOr<CertificateRecord> record =
      store_.FindCertificate(leaf.serial);
  // Another CA may have given the same serial number.
  if (record.ok() && record->certificate != leaf.der) {
    return absl::NotFoundError("another certificate has this serial number");
  }
  return record;
}

absl::StatusOr<Principal> CertificateAuth::JudgeOurs(
    const AuthRules& rules, const TlsPeer& peer, CertificateRecord record,
    absl::Duration grace) const {
  const Certificate& leaf = peer.chain.front();
  const absl::Time now = clock_.Now();
  if (now > leaf.not_after + grace) {
    return Failure(
        Kind::kBadCertificate,
        grace == absl::ZeroDuration()
            ? "the TLS client certificate has expired"
            : "the TLS client certificate has expired, and its time of grace "
              "is over");
  }
  // A service whose upstream has not been heard of yet.
  if (rules.ca_anchors == nullptr) {
    return Failure(Kind::kBadCertificate,
                   "this service does not know its CA yet: try again later");
  }
  // RFC 5280 4.1.2.5 counts notAfter itself in; BoringSSL does not.
  const absl::Time judged_at = std::min(now, leaf.not_after - absl::Seconds(1));
  absl::Status status = rules.ca_anchors->Verify(
      leaf, Intermediates(peer), PathPurpose::kTlsClient, judged_at);
  if (!status.ok()) {
    return Failure(Kind::kBadCertificate,
                   absl::StrCat("the TLS client certificate does not count for "
                                "this service: ",
                                status.message()));
  }
  absl::StatusOr<Identity> identity = store_.FindIdentity(record.identity);
  if (absl::IsNotFound(identity.status())) {
    return Failure(Kind::kBadCertificate,
                   "the TLS client certificate's identity was removed");
  }
  if (!identity.ok()) return identity.status();
  if (record.label != rules.label && !identity->MayUse(rules.label)) {
    return NotForLabel(identity->name, rules.label);
  }
  Principal principal;
  principal.identity_id = identity->id;
  principal.identity = identity->name;
  principal.method = AuthMethod::kCertificate;
  principal.is_ra = identity->is_ra;
  principal.certificate = std::move(record);
  return principal;
}

absl::StatusOr<Principal> CertificateAuth::JudgeIdevid(
    const AuthRules& rules, const TlsPeer& peer) const {
  const Certificate& leaf = peer.chain.front();
  absl::Status status = rules.idevid_anchors->Verify(
      leaf, Intermediates(peer), PathPurpose::kTlsClient, clock_.Now());
  if (!status.ok()) {
    return Failure(Kind::kBadCertificate,
                   absl::StrCat("the TLS client certificate is neither one "
                                "that this server issued nor one of a "
                                "manufacturer that it trusts: ",
                                status.message()));
  }
  absl::StatusOr<std::string> name =
      RenderIdevidIdentity(rules.config.idevid_identity, leaf.subject);
  if (!name.ok()) {
    return Failure(Kind::kBadCertificate,
                   absl::StrCat("the manufacturer's certificate stands for no "
                                "identity: ",
                                name.status().message()));
  }
  Principal principal;
  principal.identity = *name;
  principal.method = AuthMethod::kIdevid;
  absl::StatusOr<Identity> identity = store_.FindIdentity(*name);
  if (identity.ok()) {
    if (!identity->MayUse(rules.label)) return NotForLabel(*name, rules.label);
    // What it enrolled would make it one by the next connection.
    if (identity->is_ra) {
      return Failure(
          Kind::kBadCertificate,
          absl::StrCat("the manufacturer's certificate stands for ", *name,
                       ", a registration authority, which needs a "
                       "certificate of this server or a password"));
    }
    principal.identity_id = identity->id;
    return principal;
  }
  if (!absl::IsNotFound(identity.status())) return identity.status();
  if (!rules.config.idevid_register) {
    return Failure(Kind::kBadCertificate,
                   absl::StrCat("the manufacturer's device ", *name,
                                " is not known here"));
  }
  return principal;
}

}  // namespace bestow::server
