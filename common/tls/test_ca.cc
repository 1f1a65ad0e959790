#include "common/tls/test_ca.h"

#include <openssl/rand.h>

#include <utility>

#include "absl/log/check.h"
#include "common/crypto/public_key.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"

namespace bestow {
namespace {

template <typename T>
T Must(absl::StatusOr<T> value) {
  CHECK(value.ok()) << value.status();
  return *std::move(value);
}

Bytes RandomSerial() {
  Bytes serial(16);
  RAND_bytes(serial.data(), serial.size());
  serial[0] = static_cast<uint8_t>((serial[0] & 0x3f) | 0x40);
  return serial;
}

Bytes Sign(SoftwareSigner& signer, const CertificateTemplate& contents) {
  const Bytes tbs =
      Must(SerializeTbsCertificateDer(contents, signer.algorithm()));
  const Bytes signature = Must(SignAndWait(signer, tbs));
  return Must(AssembleCertificateDer(tbs, signer.algorithm(), signature));
}

}  // namespace

TestCa::TestCa(const std::string& common_name, KeyType type)
    : signer_(Must(SoftwareSigner::Generate(type))) {
  CertificateTemplate contents;
  contents.serial = RandomSerial();
  contents.issuer = contents.subject = Must(Name::FromCommonName(common_name));
  contents.not_before = absl::Now() - absl::Hours(24 * 365);
  contents.not_after = absl::Now() + absl::Hours(24 * 365);
  contents.spki = signer_->public_key_spki();
  contents.extensions = {
      {oids::BasicConstraints(), true,
       Must(SerializeBasicConstraints({.is_ca = true}))},
      {oids::KeyUsage(), true, Must(SerializeKeyUsage(kKeyCertSign))},
      {oids::SubjectKeyIdentifier(), false,
       Must(SerializeSubjectKeyIdentifier(KeyIdentifier(contents.spki)))},
  };
  certificate_ = Must(ParseCertificateDer(Sign(*signer_, contents)));
}

Bytes TestCa::Issue(const Leaf& leaf, const Bytes& spki) const {
  std::vector<der::Oid> purposes = {leaf.server ? oids::KpServerAuth()
                                                : oids::KpClientAuth()};
  if (leaf.client_too) purposes.push_back(oids::KpClientAuth());
  CertificateTemplate contents;
  contents.serial = RandomSerial();
  contents.issuer = certificate_.subject;
  contents.subject = Must(Name::FromCommonName(leaf.common_name));
  contents.not_before = leaf.not_before;
  contents.not_after = leaf.not_after;
  contents.spki = spki;
  contents.extensions = {
      {oids::KeyUsage(), true, Must(SerializeKeyUsage(kDigitalSignature))},
      {oids::ExtendedKeyUsage(), false,
       Must(SerializeExtendedKeyUsage(purposes))},
      {oids::AuthorityKeyIdentifier(), false,
       Must(SerializeAuthorityKeyIdentifier(certificate_.subject_key_id))},
  };
  std::vector<GeneralName> sans;
  for (const std::string& san : leaf.sans) {
    sans.push_back(Must(GeneralName::FromText(san)));
  }
  if (!sans.empty()) {
    contents.extensions.push_back(
        {oids::SubjectAltName(), false, Must(SerializeGeneralNamesDer(sans))});
  }
  return Sign(*signer_, contents);
}

TlsCredential TestCa::Credential(const Leaf& leaf, KeyType type) const {
  TlsCredential credential;
  credential.signer = Must(SoftwareSigner::Generate(type));
  credential.chain = {Issue(leaf, credential.signer->public_key_spki()),
                      certificate_.der};
  return credential;
}

std::shared_ptr<const TrustAnchors> TestCa::anchors() const {
  return Must(TrustAnchors::Create({certificate_}));
}

TestCa::Leaf TestServerLeaf() {
  return {.common_name = "test server",
          .sans = {"dns:localhost", "ip:127.0.0.1", "ip:::1"}};
}

TestCa::Leaf TestClientLeaf() {
  return {.common_name = "gw-17", .sans = {}, .server = false};
}

}  // namespace bestow
