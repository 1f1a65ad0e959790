// From what a certificate says to the certificate.
#ifndef SERVER_CA_SIGN_CERTIFICATE_H_
#define SERVER_CA_SIGN_CERTIFICATE_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"

namespace bestow::server {

// RFC 5280 4.1.2.2: positive, at most 20 octets, and no two of a CA the same.
// Both are random to more bits than anybody can guess or meet by chance, and
// each kind always has the same length.

// For CA certificates: 134 random bits.
Bytes RandomSerial();
// For what the store keeps: the millisecond, then 96 random bits. Later ones
// sort behind earlier ones, so that an index of millions grows at its end. It
// tells when the certificate was made, which notBefore nearly does as well;
// that no number comes twice rests on the random bits alone, whatever the
// clock does.
Bytes TimeOrderedSerial(absl::Time now);

// The certificate from its parts, read back as any client would.
absl::StatusOr<Certificate> AssembleCertificate(
    ByteView tbs, SignatureAlgorithm algorithm,
    absl::StatusOr<Bytes> signature);

// Signs with signer.algorithm(). Waits for the signer.
absl::StatusOr<Certificate> SignCertificate(const CertificateTemplate& contents,
                                            Signer& signer);

}  // namespace bestow::server

#endif  // SERVER_CA_SIGN_CERTIFICATE_H_
