#include "server/ca/sign_certificate.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace bestow::server {
namespace {

constexpr size_t kSerialBytes = 17;

// 48 bits: 0, 1, and 46 of milliseconds since 1970, until the year 4199.
constexpr size_t kTimeBytes = 6;
constexpr size_t kRandomBytes = 12;
constexpr int64_t kTimeMark = int64_t{1} << 46;

}  // namespace

Bytes RandomSerial() {
  Bytes serial(kSerialBytes);
  RAND_bytes(serial.data(), serial.size());
  serial[0] = static_cast<uint8_t>(0x40 | (serial[0] & 0x3f));
  return serial;
}

Bytes TimeOrderedSerial(absl::Time now) {
  const int64_t ms =
      std::clamp<int64_t>(absl::ToUnixMillis(now), 0, kTimeMark - 1);
  const int64_t prefix = kTimeMark | ms;
  Bytes serial(kTimeBytes + kRandomBytes);
  for (size_t i = 0; i < kTimeBytes; ++i) {
    serial[i] = static_cast<uint8_t>(prefix >> (8 * (kTimeBytes - 1 - i)));
  }
  RAND_bytes(serial.data() + kTimeBytes, kRandomBytes);
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
