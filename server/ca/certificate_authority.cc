#include "server/ca/certificate_authority.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/pki/authority_info_access.h"
#include "common/pki/certificate_policies.h"
#include "common/pki/distribution_points.h"
#include "common/pki/extension.h"
#include "common/pki/name.h"
#include "common/pki/oids.h"
#include "server/ca/sign_certificate.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kRootBackdate = absl::Hours(24);
constexpr size_t kMaxCommonName = 64;

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

// Gathers extensions; the first failure sticks.
class ExtensionList {
 public:
  void Add(const der::Oid& id, bool critical, absl::StatusOr<Bytes> value) {
    if (!status_.ok()) return;
    status_ = value.status();
    if (value.ok()) list_.push_back({id, critical, *std::move(value)});
  }
  absl::StatusOr<std::vector<Extension>> Take() {
    if (!status_.ok()) return status_;
    return std::move(list_);
  }

 private:
  absl::Status status_;
  std::vector<Extension> list_;
};

absl::StatusOr<std::vector<Extension>> SubscriberExtensions(
    const SubscriberContents& contents, ByteView spki,
    const Certificate& issuer, const std::vector<Extension>& urls) {
  ExtensionList list;
  list.Add(oids::SubjectKeyIdentifier(), false,
           SerializeSubjectKeyIdentifier(KeyIdentifier(spki)));
  const Bytes issuer_key_id = issuer.subject_key_id.empty()
                                  ? KeyIdentifier(issuer.spki)
                                  : issuer.subject_key_id;
  list.Add(oids::AuthorityKeyIdentifier(), false,
           SerializeAuthorityKeyIdentifier(issuer_key_id));
  list.Add(oids::BasicConstraints(), true,
           SerializeBasicConstraints({.is_ca = false}));
  list.Add(oids::KeyUsage(), true, SerializeKeyUsage(contents.key_usage));
  if (!contents.extended_key_usage.empty()) {
    list.Add(oids::ExtendedKeyUsage(), false,
             SerializeExtendedKeyUsage(contents.extended_key_usage));
  }
  if (!contents.sans.empty()) {
    // RFC 5280 4.2.1.6: critical where the subject is empty.
    list.Add(oids::SubjectAltName(), contents.subject.empty(),
             SerializeGeneralNamesDer(contents.sans));
  }
  if (!contents.policies.empty()) {
    list.Add(oids::CertificatePolicies(), false,
             SerializeCertificatePolicies(contents.policies));
  }
  if (contents.ocsp_no_check) {
    list.Add(oids::OcspNoCheck(), false, Bytes{0x05, 0x00});  // NULL
  } else {
    for (const Extension& url : urls) {
      list.Add(url.id, url.critical, url.value);
    }
  }
  return list.Take();
}

absl::Status AddAccess(const der::Oid& method, const std::string& uri,
                       std::vector<AccessDescription>& places) {
  if (uri.empty()) return absl::OkStatus();
  absl::StatusOr<AccessDescription> place = AccessAt(method, uri);
  if (place.ok()) places.push_back(*std::move(place));
  return place.status();
}

absl::Status AddPoint(const der::Oid& id, const std::string& uri,
                      ExtensionList& list) {
  if (uri.empty()) return absl::OkStatus();
  absl::StatusOr<DistributionPoint> point = DistributionPointAt({uri});
  if (point.ok()) list.Add(id, false, SerializeDistributionPoints({*point}));
  return point.status();
}

absl::StatusOr<std::vector<Extension>> UrlExtensions(
    const PublishedUrls& urls) {
  std::vector<AccessDescription> places;
  ExtensionList list;
  absl::Status status = AddAccess(oids::AdOcsp(), urls.ocsp, places);
  status.Update(AddAccess(oids::AdCaIssuers(), urls.ca_issuers, places));
  if (!places.empty()) {
    list.Add(oids::AuthorityInfoAccess(), false,
             SerializeAuthorityInfoAccess(places));
  }
  status.Update(AddPoint(oids::CrlDistributionPoints(), urls.crl, list));
  status.Update(AddPoint(oids::FreshestCrl(), urls.delta_crl, list));
  if (!status.ok()) return status;
  return list.Take();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const CertificateAuthority>>
CertificateAuthority::Create(Certificate certificate,
                             std::shared_ptr<Signer> signer) {
  if (certificate.spki != signer->public_key_spki()) {
    return absl::InvalidArgumentError(
        "the CA's key is not the key of its certificate");
  }
  if (!certificate.basic_constraints.has_value() ||
      !certificate.basic_constraints->is_ca ||
      (certificate.key_usage.value_or(0) & kKeyCertSign) == 0) {
    return absl::InvalidArgumentError(
        "the CA's certificate has no CA rights (basicConstraints CA:TRUE and "
        "keyCertSign)");
  }
  std::optional<NameConstraints> constraints;
  for (const Extension& extension : certificate.extensions) {
    if (extension.id != oids::NameConstraints()) continue;
    absl::StatusOr<NameConstraints> parsed =
        ParseNameConstraints(extension.value);
    if (!parsed.ok()) return parsed.status();
    constraints = *std::move(parsed);
  }
  return std::shared_ptr<const CertificateAuthority>(new CertificateAuthority(
      std::move(certificate), std::move(signer), std::move(constraints), {}));
}

absl::StatusOr<std::shared_ptr<const CertificateAuthority>>
CertificateAuthority::WithUrls(const PublishedUrls& urls) const {
  absl::StatusOr<std::vector<Extension>> extensions = UrlExtensions(urls);
  if (!extensions.ok()) return extensions.status();
  return std::shared_ptr<const CertificateAuthority>(new CertificateAuthority(
      certificate_, signer_, name_constraints_, *std::move(extensions)));
}

void CertificateAuthority::Issue(const SubscriberContents& contents,
                                 ByteView spki, absl::Time now,
                                 Done done) const {
  if (now < certificate_.not_before || now >= certificate_.not_after) {
    return done(absl::FailedPreconditionError(absl::StrCat(
        "the CA's certificate is not valid now (from ",
        absl::FormatTime(certificate_.not_before, absl::UTCTimeZone()),
        " until ",
        absl::FormatTime(certificate_.not_after, absl::UTCTimeZone()), ")")));
  }
  if (name_constraints_.has_value()) {
    absl::Status status = CheckNameConstraints(*name_constraints_,
                                               contents.subject, contents.sans);
    if (!status.ok()) return done(status);
  }
  CertificateTemplate certificate;
  certificate.serial = TimeOrderedSerial(now);
  certificate.issuer = certificate_.subject;
  certificate.subject = contents.subject;
  certificate.not_before = WholeSeconds(now - contents.backdate);
  certificate.not_after =
      std::min(WholeSeconds(now + contents.validity), certificate_.not_after);
  certificate.spki = ToBytes(spki);
  absl::StatusOr<std::vector<Extension>> extensions =
      SubscriberExtensions(contents, spki, certificate_, urls_);
  if (!extensions.ok()) return done(extensions.status());
  certificate.extensions = *std::move(extensions);
  absl::StatusOr<Bytes> tbs =
      SerializeTbsCertificateDer(certificate, signer_->algorithm());
  if (!tbs.ok()) return done(tbs.status());
  const SignatureAlgorithm algorithm = signer_->algorithm();
  signer_->Sign(
      algorithm, *tbs,
      [tbs = *tbs, algorithm, done](absl::StatusOr<Bytes> signature) {
        done(AssembleCertificate(tbs, algorithm, std::move(signature)));
      });
}

absl::StatusOr<Certificate> CreateRootCertificate(const std::string& name,
                                                  Signer& signer,
                                                  absl::Time now,
                                                  absl::Duration validity) {
  absl::StatusOr<Name> subject = Name::FromCommonName(name);
  if (!subject.ok()) return subject.status();
  const Bytes key_id = KeyIdentifier(signer.public_key_spki());
  ExtensionList list;
  list.Add(oids::SubjectKeyIdentifier(), false,
           SerializeSubjectKeyIdentifier(key_id));
  list.Add(oids::BasicConstraints(), true,
           SerializeBasicConstraints({.is_ca = true, .path_length = 0}));
  // digitalSignature: it also signs the keys that /serverkeygen makes (RFC 7030
  // 4.4.2; RFC 5280 4.2.1.3).
  list.Add(oids::KeyUsage(), true,
           SerializeKeyUsage(kDigitalSignature | kKeyCertSign | kCrlSign));
  absl::StatusOr<std::vector<Extension>> extensions = list.Take();
  if (!extensions.ok()) return extensions.status();
  CertificateTemplate root;
  root.serial = RandomSerial();
  root.issuer = *subject;
  root.subject = *subject;
  root.not_before = WholeSeconds(now - kRootBackdate);
  root.not_after = WholeSeconds(now + validity);
  root.spki = signer.public_key_spki();
  root.extensions = *std::move(extensions);
  return SignCertificate(root, signer);
}

absl::StatusOr<SubscriberContents> TlsServerContents(
    const std::vector<std::string>& hosts, absl::Duration validity) {
  SubscriberContents contents;
  for (const std::string& host : hosts) {
    absl::StatusOr<GeneralName> name = GeneralName::Ip(host);
    if (!name.ok()) name = GeneralName::Dns(host);
    if (!name.ok()) return name.status();
    contents.sans.push_back(*std::move(name));
  }
  if (contents.sans.empty()) {
    return absl::InvalidArgumentError("a server needs at least one host name");
  }
  // The subject is for people; longer hosts than a CN takes are in the SANs.
  if (hosts.front().size() <= kMaxCommonName) {
    absl::StatusOr<Name> subject = Name::FromCommonName(hosts.front());
    if (!subject.ok()) return subject.status();
    contents.subject = *std::move(subject);
  }
  contents.key_usage = kDigitalSignature;
  contents.extended_key_usage = {oids::KpServerAuth(), oids::KpCmcRa()};
  contents.validity = validity;
  contents.backdate = kRootBackdate;
  return contents;
}

}  // namespace bestow::server
