#include "server/rollover/successor.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "common/pki/pkcs10.h"
#include "server/ca/sign_certificate.h"

namespace bestow::server {
namespace {

// Devices' clocks differ.
constexpr absl::Duration kBackdate = absl::Hours(24);

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

bool IsKeyIdentifier(const Extension& extension) {
  return extension.id == oids::SubjectKeyIdentifier() ||
         extension.id == oids::AuthorityKeyIdentifier();
}

absl::Status CheckNewKey(const CaBundle& ca, const Bytes& spki) {
  bool known = ca.authority->certificate().spki == spki;
  for (const auto& earlier : ca.former) {
    known = known || earlier->certificate().spki == spki;
  }
  if (!known) return absl::OkStatus();
  return absl::InvalidArgumentError("a rollover needs a key that is new");
}

absl::StatusOr<Certificate> MakeNewWithNew(const Certificate& old, Signer& key,
                                           absl::Time now,
                                           absl::Duration validity) {
  CertificateTemplate root;
  root.serial = RandomSerial();
  root.issuer = old.subject;
  root.subject = old.subject;
  root.not_before = WholeSeconds(now - kBackdate);
  root.not_after = WholeSeconds(now + validity);
  root.spki = key.public_key_spki();
  const Bytes key_id = KeyIdentifier(root.spki);
  absl::StatusOr<Bytes> subject_key_id = SerializeSubjectKeyIdentifier(key_id);
  if (!subject_key_id.ok()) return subject_key_id.status();
  root.extensions.push_back(
      {oids::SubjectKeyIdentifier(), false, *std::move(subject_key_id)});
  for (const Extension& extension : old.extensions) {
    if (!IsKeyIdentifier(extension)) root.extensions.push_back(extension);
  }
  return SignCertificate(root, key);
}

}  // namespace

absl::StatusOr<Successor> MakeSuccessor(const CaBundle& ca, Signer& key,
                                        absl::Time now,
                                        absl::Duration validity) {
  const Certificate& old = ca.authority->certificate();
  if (ca.chain.size() != 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        old.subject.ToText(), " is below ", ca.chain[1].subject.ToText(),
        ", which has to sign its next certificate"));
  }
  if (now < old.not_before || now >= old.not_after) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the certificate of ", old.subject.ToText(),
        " is not valid now: nobody would take its word for a new key"));
  }
  absl::Status status = CheckNewKey(ca, key.public_key_spki());
  if (!status.ok()) return status;
  if (validity == absl::ZeroDuration()) {
    validity = old.not_after - old.not_before;
  }
  absl::StatusOr<Certificate> fresh = MakeNewWithNew(old, key, now, validity);
  if (!fresh.ok()) return fresh.status();
  absl::StatusOr<Certificate> old_with_new =
      CreateLinkCertificate(old, *fresh, key);
  if (!old_with_new.ok()) return old_with_new.status();
  absl::StatusOr<Certificate> new_with_old =
      CreateLinkCertificate(*fresh, old, ca.authority->signer());
  if (!new_with_old.ok()) return new_with_old.status();
  return Successor{{*std::move(fresh)},
                   {old, *std::move(old_with_new), *std::move(new_with_old)}};
}

absl::StatusOr<Bytes> MakeSuccessorRequest(const CaBundle& ca, Signer& key) {
  const Certificate& old = ca.authority->certificate();
  absl::Status status = CheckNewKey(ca, key.public_key_spki());
  if (!status.ok()) return status;
  Pkcs10Template wanted;
  wanted.subject = old.subject;
  wanted.spki = key.public_key_spki();
  // What else is in a certificate is its issuer's to say.
  for (const Extension& extension : old.extensions) {
    if (extension.id == oids::BasicConstraints() ||
        extension.id == oids::KeyUsage()) {
      wanted.extensions.push_back(extension);
    }
  }
  absl::StatusOr<Bytes> info = SerializePkcs10InfoDer(wanted);
  if (!info.ok()) return info.status();
  absl::StatusOr<Bytes> signature = SignAndWait(key, *info);
  if (!signature.ok()) return signature.status();
  return AssemblePkcs10Der(*info, key.algorithm(), *signature);
}

}  // namespace bestow::server
