#include "server/revocation/ocsp_signer.h"

#include <algorithm>
#include <future>
#include <utility>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/pki/extension.h"
#include "common/pki/name.h"
#include "common/pki/oids.h"
#include "server/ca/sign_certificate.h"
#include "server/store/certificate_record.h"

namespace bestow::server {
namespace {

// RFC 5019 2.2.2: "relatively short-lived and renewed regularly", for nobody
// checks whether it was revoked.
constexpr absl::Duration kValidity = absl::Hours(24 * 14);
// An answer may be kept for long: its signer's certificate must outlive it.
constexpr int kValidityOfAnswers = 4;
constexpr absl::Duration kBackdate = absl::Hours(1);
constexpr absl::Duration kLookInterval = absl::Minutes(1);
constexpr char kIdentity[] = "bestow-server";
constexpr char kOperation[] = "ocsp";

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

// At half of its life, so that what it signs is good for the other half.
absl::Time RenewalOf(const Certificate& certificate) {
  return certificate.not_before +
         (certificate.not_after - certificate.not_before) / 2;
}

struct Added {
  const der::Oid& id;
  bool critical;
  absl::StatusOr<Bytes> value;
};

}  // namespace

absl::StatusOr<Certificate> CreateOcspCertificate(const IssuingKey& issuing_key,
                                                  ByteView spki, absl::Time now,
                                                  absl::Duration validity) {
  const Certificate& ca = issuing_key.certificate();
  if (now < ca.not_before || now >= ca.not_after) {
    return absl::FailedPreconditionError(
        "the CA's certificate is not valid now");
  }
  absl::StatusOr<Name> subject = Name::FromCommonName(
      absl::StrCat("OCSP responder of ", issuing_key.folder));
  if (!subject.ok()) {
    subject = Name::FromCommonName("OCSP responder");
    if (!subject.ok()) return subject.status();
  }
  CertificateTemplate contents;
  contents.serial = TimeOrderedSerial(now);
  contents.issuer = ca.subject;
  contents.subject = *std::move(subject);
  contents.not_before = std::max(WholeSeconds(now - kBackdate), ca.not_before);
  contents.not_after = std::min(WholeSeconds(now + validity), ca.not_after);
  contents.spki = ToBytes(spki);
  // RFC 6960 4.2.2.2.1: nocheck holds NULL.
  const Added all[] = {
      {oids::SubjectKeyIdentifier(), false,
       SerializeSubjectKeyIdentifier(KeyIdentifier(spki))},
      {oids::AuthorityKeyIdentifier(), false,
       SerializeAuthorityKeyIdentifier(issuing_key.key_id)},
      {oids::BasicConstraints(), true,
       SerializeBasicConstraints({.is_ca = false})},
      {oids::KeyUsage(), true, SerializeKeyUsage(kDigitalSignature)},
      {oids::ExtendedKeyUsage(), false,
       SerializeExtendedKeyUsage({oids::KpOcspSigning()})},
      {oids::OcspNoCheck(), false, Bytes{0x05, 0x00}},
  };
  for (const Added& one : all) {
    if (!one.value.ok()) return one.value.status();
    contents.extensions.push_back({one.id, one.critical, *one.value});
  }
  return SignCertificate(contents, issuing_key.authority->signer());
}

absl::Status OcspSigners::Record(const Certificate& certificate,
                                 const IssuingKey& key, absl::Time now) {
  Issuance issuance;
  issuance.record = RecordOf(certificate);
  issuance.record.issued_at = now;
  issuance.record.identity = kIdentity;
  issuance.record.operation = kOperation;
  issuance.audit.at = now;
  issuance.audit.actor = "server";
  issuance.audit.source = "local";
  issuance.audit.action = kOperation;
  issuance.audit.outcome = "issued";
  issuance.audit.subject = key.folder;
  issuance.audit.detail = "the certificate of the OCSP responder";
  issuance.audit.serial = certificate.serial;
  auto done = std::make_shared<std::promise<absl::Status>>();
  options_.store->Issue(std::move(issuance),
                        [done](absl::StatusOr<Issued> issued) {
                          done->set_value(issued.status());
                        });
  return done->get_future().get();
}

absl::StatusOr<std::shared_ptr<const OcspSigner>> OcspSigners::Make(
    const IssuingKey& key, absl::Time now) {
  absl::StatusOr<OcspIssuer> issuer =
      OcspIssuer::Create(key.certificate().subject, key.certificate().spki);
  if (!issuer.ok()) return issuer.status();
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> signer =
      SoftwareSigner::Generate(KeyType::kEcP256);
  if (!signer.ok()) return signer.status();
  const Bytes& spki = (*signer)->public_key_spki();
  absl::StatusOr<Certificate> certificate = CreateOcspCertificate(
      key, spki, now,
      std::max(kValidity, kValidityOfAnswers * key.config.ocsp_validity));
  if (!certificate.ok()) return certificate.status();
  absl::Status status = Record(*certificate, key, now);
  if (!status.ok()) return status;
  auto made = std::make_shared<OcspSigner>(
      OcspSigner{key, *std::move(issuer), nullptr, KeyIdentifier(spki),
                 *std::move(certificate)});
  made->key = *std::move(signer);
  return made;
}

std::shared_ptr<const OcspSigner> OcspSigners::FindFor(
    const IssuingKey& key) const {
  for (const auto& signer : *signers_) {
    if (signer->issuing_key.key_id == key.key_id) return signer;
  }
  return nullptr;
}

absl::Time OcspSigners::Run(absl::Time now) {
  auto signers = std::make_shared<Signers>();
  absl::Time next = now + kLookInterval;
  const std::shared_ptr<const IssuingKeys> keys = options_.keys();
  for (const IssuingKey& key : *keys) {
    if (!key.is_published) continue;
    std::shared_ptr<const OcspSigner> signer = FindFor(key);
    if (signer != nullptr && now < RenewalOf(signer->certificate) &&
        now >= signer->certificate.not_before) {
      // The config, or the set of certificates that it answers for, may differ
      // after a reload.
      auto same = std::make_shared<OcspSigner>(*signer);
      same->issuing_key = key;
      signers->push_back(std::move(same));
      continue;
    }
    absl::StatusOr<std::shared_ptr<const OcspSigner>> made = Make(key, now);
    if (made.ok()) {
      signers->push_back(*std::move(made));
      continue;
    }
    const bool is_over = now >= key.certificate().not_after;
    if (!is_over) {
      LOG(ERROR) << "no OCSP responder's certificate for " << key.folder << ": "
                 << made.status().message() << "; tried again in "
                 << absl::FormatDuration(kLookInterval);
    }
    if (signer != nullptr && now < signer->certificate.not_after) {
      signers->push_back(std::move(signer));
    }
  }
  std::lock_guard<std::mutex> lock(mutex_);
  signers_ = std::move(signers);
  return next;
}

std::shared_ptr<const OcspSigner> OcspSigners::Find(
    const OcspCertId& id) const {
  std::shared_ptr<const Signers> signers;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    signers = signers_;
  }
  for (const auto& signer : *signers) {
    if (signer->issuer.Issued(id)) return signer;
  }
  return nullptr;
}

}  // namespace bestow::server
