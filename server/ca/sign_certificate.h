// From what a certificate says to the certificate.
#ifndef SERVER_CA_SIGN_CERTIFICATE_H_
#define SERVER_CA_SIGN_CERTIFICATE_H_

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"

namespace bestow::server {

// 134 random bits between two fixed ones, so that every serial number is
// positive and of the same length (RFC 5280 4.1.2.2: at most 20 octets).
Bytes RandomSerial();

// The certificate from its parts, read back as any client would.
absl::StatusOr<Certificate> AssembleCertificate(
    ByteView tbs, SignatureAlgorithm algorithm,
    absl::StatusOr<Bytes> signature);

// Signs with signer.algorithm(). Waits for the signer.
absl::StatusOr<Certificate> SignCertificate(const CertificateTemplate& contents,
                                            Signer& signer);

}  // namespace bestow::server

#endif  // SERVER_CA_SIGN_CERTIFICATE_H_
