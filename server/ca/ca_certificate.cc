#include "server/ca/ca_certificate.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/key_type.h"
#include "common/crypto/public_key.h"
#include "common/pki/authority_info_access.h"
#include "common/pki/distribution_points.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "common/pki/path.h"
#include "server/ca/sign_certificate.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kBackdate = absl::Hours(24);
// Digests that /serverkeygen signs too (RFC 7030 4.4.2).
constexpr uint32_t kCaKeyUsage = kDigitalSignature | kKeyCertSign | kCrlSign;

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

// Gathers extensions; the first failure sticks.
class ExtensionList {
 public:
  void Add(const der::Oid& id, bool critical, absl::StatusOr<Bytes> value) {
    status_.Update(value.status());
    if (value.ok()) list_.push_back({id, critical, *std::move(value)});
  }
  void Fail(const absl::Status& status) { status_.Update(status); }
  absl::StatusOr<std::vector<Extension>> Take() {
    if (!status_.ok()) return status_;
    return std::move(list_);
  }

 private:
  absl::Status status_;
  std::vector<Extension> list_;
};

// What a certificate and a request for it share.
void AddRights(const CaContents& contents, ExtensionList& list) {
  list.Add(oids::BasicConstraints(), true,
           SerializeBasicConstraints(
               {.is_ca = true, .path_length = contents.path_length}));
  list.Add(oids::KeyUsage(), true, SerializeKeyUsage(kCaKeyUsage));
  if (!contents.constraints.permitted.empty() ||
      !contents.constraints.excluded.empty()) {
    // RFC 5280 4.2.1.10: "Conforming CAs MUST mark this extension as critical".
    list.Add(oids::NameConstraints(), true,
             SerializeNameConstraints(contents.constraints));
  }
  if (!contents.policies.empty()) {
    list.Add(oids::CertificatePolicies(), false,
             SerializeCertificatePolicies(contents.policies));
  }
}

void AddUrls(const PublishedUrls& urls, ExtensionList& list) {
  std::vector<AccessDescription> places;
  for (const auto& [method, uri] :
       {std::pair(oids::AdOcsp(), urls.ocsp),
        std::pair(oids::AdCaIssuers(), urls.ca_issuers)}) {
    if (uri.empty()) continue;
    absl::StatusOr<AccessDescription> place = AccessAt(method, uri);
    if (!place.ok()) return list.Fail(place.status());
    places.push_back(*std::move(place));
  }
  if (!places.empty()) {
    list.Add(oids::AuthorityInfoAccess(), false,
             SerializeAuthorityInfoAccess(places));
  }
  if (urls.crl.empty()) return;
  absl::StatusOr<DistributionPoint> point = DistributionPointAt({urls.crl});
  if (!point.ok()) return list.Fail(point.status());
  list.Add(oids::CrlDistributionPoints(), false,
           SerializeDistributionPoints({*point}));
}

absl::Status CheckContents(const CaContents& contents) {
  if (contents.subject.empty()) {
    return absl::InvalidArgumentError("a CA needs a name");
  }
  if (contents.validity <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("a CA is valid for some time");
  }
  return absl::OkStatus();
}

Bytes KeyIdOf(const Certificate& certificate) {
  return certificate.subject_key_id.empty() ? KeyIdentifier(certificate.spki)
                                            : certificate.subject_key_id;
}

absl::Status CheckPathLength(const CaContents& contents,
                             const Certificate& issuer) {
  const std::optional<uint64_t> limit =
      issuer.basic_constraints.value_or(BasicConstraints()).path_length;
  if (!limit.has_value()) return absl::OkStatus();
  if (*limit == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        issuer.subject.ToText(),
        " may have no CA below it (its path length is 0): `bestow-server ca "
        "create --kind=root` makes one that may"));
  }
  if (!contents.path_length.has_value() || *contents.path_length >= *limit) {
    return absl::FailedPreconditionError(absl::StrCat(
        issuer.subject.ToText(), " has the path length ", *limit,
        ": that of a CA below it must be less (RFC 5280 4.2.1.9)"));
  }
  return absl::OkStatus();
}

// BoringSSL does not hold a root to its path length, openssl and others do.
absl::Status CheckPathLengths(const std::vector<Certificate>& chain) {
  for (size_t below = 0; below < chain.size(); ++below) {
    const std::optional<uint64_t> limit =
        chain[below].basic_constraints.value_or(BasicConstraints()).path_length;
    if (limit.has_value() && below > *limit) {
      return absl::PermissionDeniedError(
          absl::StrCat("the path length of ", chain[below].subject.ToText(),
                       " is ", *limit, ", and ", below, " CAs stand below it"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Certificate> CreateRootCa(const CaContents& contents,
                                         Signer& signer, absl::Time now) {
  absl::Status status = CheckContents(contents);
  if (!status.ok()) return status;
  ExtensionList list;
  list.Add(
      oids::SubjectKeyIdentifier(), false,
      SerializeSubjectKeyIdentifier(KeyIdentifier(signer.public_key_spki())));
  AddRights(contents, list);
  absl::StatusOr<std::vector<Extension>> extensions = list.Take();
  if (!extensions.ok()) return extensions.status();
  CertificateTemplate root;
  root.serial = RandomSerial();
  root.issuer = contents.subject;
  root.subject = contents.subject;
  root.not_before = WholeSeconds(now - kBackdate);
  root.not_after = WholeSeconds(now + contents.validity);
  root.spki = signer.public_key_spki();
  root.extensions = *std::move(extensions);
  return SignCertificate(root, signer);
}

absl::StatusOr<Certificate> CreateCaBelow(const CaContents& contents,
                                          ByteView spki,
                                          const CertificateAuthority& issuer,
                                          absl::Time now) {
  absl::Status status = CheckContents(contents);
  if (!status.ok()) return status;
  const Certificate& above = issuer.certificate();
  status = KeyTypeOfSpki(spki).status();
  if (!status.ok()) return status;
  if (contents.subject == above.subject || ByteView(above.spki) == spki) {
    // It would look like a rollover's certificate (RFC 4210 4.4), or be one.
    return absl::InvalidArgumentError(
        absl::StrCat("a CA below ", above.subject.ToText(),
                     " needs a name and a key of its own"));
  }
  if (now < above.not_before || now >= above.not_after) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the certificate of ", above.subject.ToText(), " is not valid now"));
  }
  status = CheckPathLength(contents, above);
  if (!status.ok()) return status;
  if (issuer.name_constraints().has_value()) {
    status =
        CheckNameConstraints(*issuer.name_constraints(), contents.subject, {});
    if (!status.ok()) return status;
  }
  ExtensionList list;
  list.Add(oids::SubjectKeyIdentifier(), false,
           SerializeSubjectKeyIdentifier(KeyIdentifier(spki)));
  list.Add(oids::AuthorityKeyIdentifier(), false,
           SerializeAuthorityKeyIdentifier(KeyIdOf(above)));
  AddRights(contents, list);
  AddUrls(contents.urls, list);
  absl::StatusOr<std::vector<Extension>> extensions = list.Take();
  if (!extensions.ok()) return extensions.status();
  CertificateTemplate below;
  below.serial = RandomSerial();
  below.issuer = above.subject;
  below.subject = contents.subject;
  below.not_before = std::max(WholeSeconds(now - kBackdate), above.not_before);
  below.not_after =
      std::min(WholeSeconds(now + contents.validity), above.not_after);
  below.spki = ToBytes(spki);
  below.extensions = *std::move(extensions);
  return SignCertificate(below, issuer.signer());
}

absl::StatusOr<Bytes> CreateCaRequest(const CaContents& contents,
                                      Signer& signer) {
  if (contents.subject.empty()) {
    return absl::InvalidArgumentError("a CA needs a name");
  }
  ExtensionList list;
  AddRights(contents, list);
  absl::StatusOr<std::vector<Extension>> extensions = list.Take();
  if (!extensions.ok()) return extensions.status();
  Pkcs10Template wanted;
  wanted.subject = contents.subject;
  wanted.spki = signer.public_key_spki();
  wanted.extensions = *std::move(extensions);
  absl::StatusOr<Bytes> info = SerializePkcs10InfoDer(wanted);
  if (!info.ok()) return info.status();
  absl::StatusOr<Bytes> signature = SignAndWait(signer, *info);
  if (!signature.ok()) return signature.status();
  return AssemblePkcs10Der(*info, signer.algorithm(), *signature);
}

absl::StatusOr<CaContents> CaContentsOfRequest(const Pkcs10Request& request) {
  absl::Status status = VerifyPkcs10Signature(request);
  if (!status.ok()) return absl::InvalidArgumentError(status.message());
  CaContents contents;
  contents.subject = request.subject;
  bool asks_for_ca = false;
  for (const Extension& extension : request.requested_extensions) {
    if (extension.id == oids::BasicConstraints()) {
      absl::StatusOr<BasicConstraints> basic =
          ParseBasicConstraints(extension.value);
      if (!basic.ok()) return basic.status();
      asks_for_ca = basic->is_ca;
      contents.path_length = basic->path_length.value_or(0);
    } else if (extension.id == oids::NameConstraints()) {
      absl::StatusOr<NameConstraints> constraints =
          ParseNameConstraints(extension.value);
      if (!constraints.ok()) return constraints.status();
      contents.constraints = *std::move(constraints);
    }
  }
  if (!asks_for_ca) {
    return absl::InvalidArgumentError(
        "the request asks for no CA's certificate (basicConstraints CA:TRUE)");
  }
  return contents;
}

absl::StatusOr<std::vector<Certificate>> OrderChain(
    std::vector<Certificate> certificates, ByteView spki) {
  std::vector<Certificate> chain;
  const auto take = [&](const auto& is_next) {
    const auto it =
        std::find_if(certificates.begin(), certificates.end(), is_next);
    if (it == certificates.end()) return false;
    chain.push_back(*std::move(it));
    certificates.erase(it);
    return true;
  };
  if (!take([&](const Certificate& c) { return ByteView(c.spki) == spki; })) {
    return absl::InvalidArgumentError(
        "none of the certificates is of the CA's key");
  }
  while (chain.back().subject != chain.back().issuer) {
    const Certificate below = chain.back();
    if (!take([&](const Certificate& c) {
          return c.subject == below.issuer &&
                 VerifySignature(below.signature_algorithm, c.spki,
                                 below.tbs_der, below.signature)
                     .ok();
        })) {
      return absl::InvalidArgumentError(
          absl::StrCat("the certificate of ", below.issuer.ToText(),
                       ", which signed ", below.subject.ToText(),
                       ", is not among them: add every issuer up to the root"));
    }
  }
  if (!certificates.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the certificate of ", certificates.front().subject.ToText(),
        " is no part of the CA's chain: leave it out"));
  }
  return chain;
}

absl::Status CheckIssues(const std::vector<Certificate>& chain, Signer& signer,
                         absl::Time now) {
  const Certificate& ca = chain.front();
  CertificateTemplate leaf;
  leaf.serial = RandomSerial();
  leaf.issuer = ca.subject;
  // No name at all: whatever the name constraints are.
  leaf.not_before = WholeSeconds(now - absl::Seconds(1));
  leaf.not_after = WholeSeconds(now + absl::Seconds(1));
  leaf.spki = ca.spki;
  ExtensionList list;
  list.Add(oids::AuthorityKeyIdentifier(), false,
           SerializeAuthorityKeyIdentifier(KeyIdOf(ca)));
  list.Add(oids::BasicConstraints(), true,
           SerializeBasicConstraints({.is_ca = false}));
  absl::StatusOr<std::vector<Extension>> extensions = list.Take();
  if (!extensions.ok()) return extensions.status();
  leaf.extensions = *std::move(extensions);
  absl::StatusOr<Certificate> signed_leaf = SignCertificate(leaf, signer);
  if (!signed_leaf.ok()) return signed_leaf.status();
  absl::StatusOr<std::shared_ptr<const TrustAnchors>> root =
      TrustAnchors::Create({chain.back()});
  if (!root.ok()) return root.status();
  absl::Status status =
      (*root)->Verify(*signed_leaf, chain, PathPurpose::kAny, now);
  if (status.ok()) status = CheckPathLengths(chain);
  if (status.ok()) return status;
  return absl::FailedPreconditionError(
      absl::StrCat("nobody would take what ", ca.subject.ToText(),
                   " issues: ", status.message()));
}

}  // namespace bestow::server
