#include "agent/server_key/testing/key_server.h"

#include <openssl/rand.h>

#include <utility>

#include "absl/log/check.h"
#include "absl/time/clock.h"
#include "common/cms/server_generated_key.h"
#include "common/crypto/public_key.h"
#include "common/pki/certs_only.h"
#include "common/pki/oids.h"

namespace bestow::agent {
namespace {

template <typename T>
T Must(absl::StatusOr<T> value) {
  CHECK(value.ok()) << value.status();
  return *std::move(value);
}

Certificate Make(SoftwareSigner& signer, const Name& issuer,
                 const std::string& common_name, const Bytes& spki,
                 const std::vector<Extension>& extensions) {
  CertificateTemplate contents;
  contents.serial.resize(16);
  RAND_bytes(contents.serial.data(), contents.serial.size());
  contents.serial[0] = static_cast<uint8_t>((contents.serial[0] & 0x3f) | 0x40);
  contents.issuer = issuer;
  contents.subject = Must(Name::FromCommonName(common_name));
  contents.not_before = absl::Now() - absl::Hours(1);
  contents.not_after = absl::Now() + absl::Hours(24);
  contents.spki = spki;
  contents.extensions = extensions;
  contents.extensions.push_back(
      {oids::SubjectKeyIdentifier(), false,
       Must(SerializeSubjectKeyIdentifier(KeyIdentifier(spki)))});
  const Bytes tbs =
      Must(SerializeTbsCertificateDer(contents, signer.algorithm()));
  return Must(ParseCertificateDer(Must(AssembleCertificateDer(
      tbs, signer.algorithm(), Must(SignAndWait(signer, tbs))))));
}

}  // namespace

KeyCa::KeyCa(const std::string& common_name)
    : signer_(Must(SoftwareSigner::Generate())) {
  certificate_ =
      Make(*signer_, Must(Name::FromCommonName(common_name)), common_name,
           signer_->public_key_spki(),
           {{oids::BasicConstraints(), true,
             Must(SerializeBasicConstraints({.is_ca = true}))},
            {oids::KeyUsage(), true, Must(SerializeKeyUsage(kKeyCertSign))}});
}

Certificate KeyCa::Issue(const std::string& common_name, const Bytes& spki,
                         const std::vector<Extension>& extensions) {
  std::vector<Extension> all = extensions;
  all.push_back(
      {oids::AuthorityKeyIdentifier(), false,
       Must(SerializeAuthorityKeyIdentifier(certificate_.subject_key_id))});
  return Make(*signer_, certificate_.subject, common_name, spki, all);
}

Secret KeyCa::SignKey(ByteView pkcs8) {
  return SignKeyBy(*signer_, certificate_, pkcs8);
}

Secret KeyCa::SignKeyBy(SoftwareSigner& signer, const Certificate& with,
                        ByteView pkcs8) {
  absl::StatusOr<Secret> out = absl::UnknownError("not called");
  cms::SignKeyPackage(
      pkcs8, {with.der}, signer, absl::Now(),
      [&](absl::StatusOr<Secret> value) { out = std::move(value); });
  CHECK(out.ok()) << out.status();
  return *std::move(out);
}

Secret NewPkcs8(KeyType type) {
  return Must(Must(SoftwareSigner::Generate(type))->ToPkcs8Der());
}

Bytes SpkiOf(const Secret& pkcs8) {
  return Must(SoftwareSigner::FromPkcs8Der(pkcs8.bytes()))->public_key_spki();
}

Bytes CertsOnly(const std::vector<Certificate>& certificates) {
  std::vector<Bytes> ders;
  for (const Certificate& certificate : certificates) {
    ders.push_back(certificate.der);
  }
  return Must(SerializeCertsOnlyDer(ders));
}

}  // namespace bestow::agent
