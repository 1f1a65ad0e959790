#include "server/ca/ca_bundle.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "server/ca/sign_certificate.h"

namespace bestow::server {
namespace {

absl::Status Bad(const Certificate& certificate, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the certificate of ", certificate.subject.ToText(),
                   " with serial number ", certificate.SerialHex(), " ", what));
}

absl::Status CheckCa(const Certificate& certificate) {
  if (!certificate.basic_constraints.has_value() ||
      !certificate.basic_constraints->is_ca ||
      (certificate.key_usage.value_or(0) & kKeyCertSign) == 0) {
    return Bad(certificate,
               "is no CA's (basicConstraints CA:TRUE and keyCertSign)");
  }
  return absl::OkStatus();
}

bool IsSignedBy(const Certificate& certificate, ByteView issuer_spki) {
  return VerifySignature(certificate.signature_algorithm, issuer_spki,
                         certificate.tbs_der, certificate.signature)
      .ok();
}

bool IsSelfSigned(const Certificate& certificate) {
  return certificate.subject == certificate.issuer &&
         IsSignedBy(certificate, certificate.spki);
}

absl::Status CheckChain(const std::vector<Certificate>& chain) {
  for (size_t i = 0; i < chain.size(); ++i) {
    absl::Status status = CheckCa(chain[i]);
    if (!status.ok()) return status;
    if (i + 1 == chain.size()) break;
    if (chain[i].issuer != chain[i + 1].subject ||
        !IsSignedBy(chain[i], chain[i + 1].spki)) {
      return Bad(chain[i],
                 "is not signed by the one after it: put the issuing CA first, "
                 "then each one's issuer");
    }
  }
  if (!IsSelfSigned(chain.back())) {
    return Bad(chain.back(),
               "ends the chain and is no self-signed root, which clients need "
               "(RFC 7030 4.1.3): add its issuers");
  }
  return absl::OkStatus();
}

// The three certificates beside NewWithNew, in the order of CaBundle.
class Rollover {
 public:
  // `current`: NewWithNew.
  static absl::StatusOr<Rollover> Create(
      const Certificate& current, const std::vector<Certificate>& others) {
    Rollover rollover;
    absl::Status status = rollover.FindOldKey(current, others);
    if (!status.ok()) return status;
    for (const Certificate& other : others) {
      status = rollover.Add(current, other);
      if (!status.ok()) return status;
    }
    return rollover;
  }

  std::vector<Certificate> Take() {
    std::vector<Certificate> list;
    for (std::optional<Certificate>& certificate : slots_) {
      if (certificate.has_value()) list.push_back(*std::move(certificate));
    }
    return list;
  }

 private:
  enum Slot : size_t { kOldWithOld, kOldWithNew, kNewWithOld, kSlots };

  // The old key is that of the certificates that do not hold the new one;
  // OldWithOld has to be there, since nothing else proves that NewWithOld is.
  absl::Status FindOldKey(const Certificate& current,
                          const std::vector<Certificate>& others) {
    for (const Certificate& other : others) {
      if (other.spki != current.spki && IsSelfSigned(other)) {
        old_spki_ = other.spki;
        return absl::OkStatus();
      }
    }
    return absl::InvalidArgumentError(
        "there is no OldWithOld among them: a self-signed certificate with the "
        "CA's old key");
  }

  absl::Status Add(const Certificate& current, const Certificate& other) {
    absl::Status status = CheckCa(other);
    if (!status.ok()) return status;
    if (other.subject != current.subject || other.issuer != current.subject) {
      return Bad(other,
                 absl::StrCat("has other names than ", current.subject.ToText(),
                              ", the CA that rolls over"));
    }
    const bool new_key = other.spki == current.spki;
    if (!new_key && other.spki != old_spki_) {
      return Bad(other, "has a third key; a rollover has an old and a new one");
    }
    Slot slot = kNewWithOld;
    if (new_key) {
      if (!IsSignedBy(other, old_spki_)) {
        return Bad(other,
                   IsSignedBy(other, current.spki)
                       ? "is NewWithNew, which belongs to ca.pem"
                       : "has the new key and is not signed by the old one");
      }
    } else if (IsSignedBy(other, old_spki_)) {
      slot = kOldWithOld;
    } else if (IsSignedBy(other, current.spki)) {
      slot = kOldWithNew;
    } else {
      return Bad(other, "is signed by neither the old nor the new key");
    }
    if (slots_[slot].has_value()) {
      return Bad(other, "plays a part in the rollover that another has");
    }
    slots_[slot] = other;
    return absl::OkStatus();
  }

  Bytes old_spki_;
  std::array<std::optional<Certificate>, kSlots> slots_;
};

void AddEach(const std::vector<Certificate>& more,
             std::vector<Certificate>& all) {
  for (const Certificate& certificate : more) {
    if (std::find(all.begin(), all.end(), certificate) == all.end()) {
      all.push_back(certificate);
    }
  }
}

// Two keys of one CA.
absl::Status CheckSameCa(const Certificate& certificate,
                         const Certificate& other) {
  if (certificate.subject != other.subject) {
    return Bad(certificate,
               absl::StrCat("has another name than ", other.subject.ToText(),
                            ", the CA whose key changes"));
  }
  if (certificate.spki == other.spki) {
    return Bad(certificate, "has a key that the CA has already");
  }
  return absl::OkStatus();
}

// Whoever trusts `root` alone can get to trust next's.
absl::Status CheckHasAWord(const CaBundle& next, const Certificate& root) {
  const Certificate& next_root = next.chain.back();
  if (next_root.spki == root.spki && next_root.subject == root.subject) {
    return absl::OkStatus();
  }
  bool has_old_with_old = false;
  bool has_new_with_old = false;
  for (const Certificate& other : next.rollover) {
    if (other.spki == root.spki && IsSelfSigned(other)) has_old_with_old = true;
    if (other.spki == next_root.spki && IsSignedBy(other, root.spki)) {
      has_new_with_old = true;
    }
  }
  if (has_old_with_old && has_new_with_old) return absl::OkStatus();
  return Bad(next_root,
             absl::StrCat("is a new root, and the root of today, ",
                          root.subject.ToText(),
                          ", says nothing for it: OldWithOld and NewWithOld "
                          "(RFC 4210 4.4) are needed, or clients refuse it"));
}

}  // namespace

std::vector<Certificate> CaBundle::All() const {
  std::vector<Certificate> all;
  AddEach(chain, all);
  AddEach(rollover, all);
  if (next.has_value()) {
    AddEach(next->chain, all);
    AddEach(next->rollover, all);
  }
  AddEach(former_certificates, all);
  return all;
}

std::vector<Certificate> CaBundle::Anchors() const {
  const Certificate& issuer = authority->certificate();
  std::vector<Certificate> anchors = {issuer};
  // OldWithOld alone: a path that ends there needs no link certificate.
  for (const Certificate& other : rollover) {
    if (other.subject == issuer.subject && other.spki != issuer.spki &&
        IsSelfSigned(other)) {
      AddEach({other}, anchors);
    }
  }
  for (const auto& earlier : former) AddEach({earlier->certificate()}, anchors);
  if (next.has_value()) AddEach({next->authority->certificate()}, anchors);
  return anchors;
}

absl::Status AddFormer(const CaBundle& earlier, CaBundle& bundle) {
  const Certificate& certificate = earlier.authority->certificate();
  absl::Status status =
      CheckSameCa(certificate, bundle.authority->certificate());
  for (const auto& other : bundle.former) {
    if (!status.ok()) break;
    status = CheckSameCa(certificate, other->certificate());
  }
  if (!status.ok()) return status;
  bundle.former.push_back(earlier.authority);
  AddEach(earlier.chain, bundle.former_certificates);
  AddEach(earlier.rollover, bundle.former_certificates);
  return absl::OkStatus();
}

absl::Status SetNext(const CaBundle& next, absl::Time switch_at,
                     CaBundle& bundle) {
  absl::Status status = CheckSameCa(next.authority->certificate(),
                                    bundle.authority->certificate());
  if (status.ok()) {
    status = CheckHasAWord(next, bundle.chain.back());
  }
  if (!status.ok()) return status;
  bundle.next = NextCa{next.authority, next.chain, next.rollover, switch_at};
  return absl::OkStatus();
}

absl::StatusOr<CaBundle> MakeCaBundle(std::vector<Certificate> chain,
                                      const std::vector<Certificate>& rollover,
                                      std::shared_ptr<Signer> signer) {
  if (chain.empty()) {
    return absl::InvalidArgumentError("there is no certificate");
  }
  CaBundle bundle;
  absl::StatusOr<std::shared_ptr<const CertificateAuthority>> authority =
      CertificateAuthority::Create(chain.front(), std::move(signer));
  if (!authority.ok()) return authority.status();
  bundle.authority = *std::move(authority);
  absl::Status status = CheckChain(chain);
  if (!status.ok()) return status;
  // The one that rolls over is self-signed, and so the root.
  if (!rollover.empty()) {
    absl::StatusOr<Rollover> checked = Rollover::Create(chain.back(), rollover);
    if (!checked.ok()) return checked.status();
    bundle.rollover = checked->Take();
  }
  bundle.chain = std::move(chain);
  return bundle;
}

absl::StatusOr<Certificate> CreateLinkCertificate(const Certificate& subject,
                                                  const Certificate& issuer,
                                                  Signer& signer) {
  if (subject.subject != issuer.subject) {
    return absl::InvalidArgumentError(
        "a rollover has one name, and these are two CAs'");
  }
  if (subject.spki == issuer.spki) {
    return absl::InvalidArgumentError("a link certificate links two keys");
  }
  if (signer.public_key_spki() != issuer.spki) {
    return absl::InvalidArgumentError("the key is not the issuer's");
  }
  CertificateTemplate link;
  link.serial = RandomSerial();
  link.issuer = issuer.subject;
  link.subject = subject.subject;
  // RFC 4210 4.4.1: from the generation of the key that it certifies.
  link.not_before = subject.not_before;
  link.not_after = std::min(subject.not_after, issuer.not_after);
  link.spki = subject.spki;
  // CA rights and key identifier as the subject has them: paths may go through
  // it. The issuer has the same name, so the key identifier tells which key.
  for (const Extension& extension : subject.extensions) {
    if (extension.id != oids::AuthorityKeyIdentifier()) {
      link.extensions.push_back(extension);
    }
  }
  absl::StatusOr<Bytes> authority_key_id = SerializeAuthorityKeyIdentifier(
      issuer.subject_key_id.empty() ? KeyIdentifier(issuer.spki)
                                    : issuer.subject_key_id);
  if (!authority_key_id.ok()) return authority_key_id.status();
  link.extensions.push_back(
      {oids::AuthorityKeyIdentifier(), false, *std::move(authority_key_id)});
  return SignCertificate(link, signer);
}

}  // namespace bestow::server
