// X.509 certificates: reading, building (RFC 5280 4.1). No trust decisions.
#ifndef COMMON_PKI_CERTIFICATE_H_
#define COMMON_PKI_CERTIFICATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/pki/extension.h"
#include "common/pki/name.h"

namespace bestow {

struct Certificate {
  Bytes der;
  Bytes tbs_der;
  Bytes serial;  // INTEGER content octets, as found
  Bytes signature_algorithm;
  Bytes signature;
  Name issuer;
  Name subject;
  absl::Time not_before;
  absl::Time not_after;
  Bytes spki;
  std::vector<Extension> extensions;

  // Decoded from extensions; nullopt or empty when absent.
  std::optional<uint32_t> key_usage;
  std::vector<der::Oid> extended_key_usage;
  std::optional<BasicConstraints> basic_constraints;
  std::vector<GeneralName> sans;
  Bytes subject_key_id;
  Bytes authority_key_id;

  std::string SerialHex() const;  // lower-case hex of `serial`
  bool operator==(const Certificate& other) const { return der == other.der; }
};

// One DER certificate with nothing after it: kInvalidArgument otherwise.
// v1 certificates are read (trust anchors may be such); serials up to 20
// octets of value. NOT checked: signature, dates, purpose.
absl::StatusOr<Certificate> ParseCertificateDer(ByteView der);

// Re-encodes from tbs_der, signature_algorithm and signature; equal to `der`
// for whatever ParseCertificateDer took.
absl::StatusOr<Bytes> SerializeCertificateDer(const Certificate& certificate);

// PEM: every CERTIFICATE block of the text, in order; at least one, at most
// `max_count`. Text between blocks is ignored, other block types refused.
absl::StatusOr<std::vector<Certificate>> ParseCertificatesPem(
    std::string_view pem, size_t max_count);
std::string SerializeCertificatePem(ByteView der);

// What to put into a certificate.
struct CertificateTemplate {
  Bytes serial;  // positive INTEGER content octets, 1 to 20
  Name issuer;
  Name subject;
  absl::Time not_before;  // UTCTime through 2049, GeneralizedTime from 2050 on
  absl::Time not_after;
  Bytes spki;
  std::vector<Extension> extensions;  // in this order
};

// TBSCertificate to be signed with `algorithm`.
absl::StatusOr<Bytes> SerializeTbsCertificateDer(
    const CertificateTemplate& contents, SignatureAlgorithm algorithm);
absl::StatusOr<Bytes> AssembleCertificateDer(ByteView tbs_der,
                                             SignatureAlgorithm algorithm,
                                             ByteView signature);

}  // namespace bestow

#endif  // COMMON_PKI_CERTIFICATE_H_
