#include "server/ca/sign_certificate.h"

#include <openssl/rand.h>

namespace bestow::server {
namespace {
constexpr size_t kSerialBytes = 17;
}  // namespace

Bytes RandomSerial() {
  Bytes serial(kSerialBytes);
  RAND_bytes(serial.data(), serial.size());
  serial[0] = static_cast<uint8_t>(0x40 | (serial[0] & 0x3f));
  return serial;
}

absl::StatusOr<Certificate> AssembleCertificate(
    ByteView tbs, SignatureAlgorithm algorithm,
    absl::StatusOr<Bytes> signature) {
  if (!signature.ok()) return signature.status();
  absl::StatusOr<Bytes> der =
      AssembleCertificateDer(tbs, algorithm, *signature);
  if (!der.ok()) return der.status();
  // Reading back what we wrote: a client should not be the first to find out.
  return ParseCertificateDer(*der);
}

absl::StatusOr<Certificate> SignCertificate(const CertificateTemplate& contents,
                                            Signer& signer) {
  absl::StatusOr<Bytes> tbs =
      SerializeTbsCertificateDer(contents, signer.algorithm());
  if (!tbs.ok()) return tbs.status();
  return AssembleCertificate(*tbs, signer.algorithm(),
                             SignAndWait(signer, *tbs));
}

}  // namespace bestow::server
