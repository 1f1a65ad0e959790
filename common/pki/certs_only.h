// Certs-only CMC Simple PKI Responses: degenerate SignedData (RFC 5272 4.1,
// RFC 5652, RFC 8551 3.7).
#ifndef COMMON_PKI_CERTS_ONLY_H_
#define COMMON_PKI_CERTS_ONLY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/certificate.h"

namespace bestow {

struct CertsOnly {
  Bytes der;
  std::vector<Certificate> certificates;  // in the order found (a SET)

  // What else the SignedData carries, kept for re-encoding as found.
  uint64_t version = 1;
  Bytes digest_algorithms;    // content octets of the SET
  std::optional<Bytes> crls;  // content octets of [1]; an empty one is seen too
};

// kInvalidArgument: not DER, trailing bytes, not SignedData, with signers or
// content, 0 or over 64 certificates, any that is not X.509. CRLs are skipped.
// BER-loose SET order is taken. NOT checked: any trust.
absl::StatusOr<CertsOnly> ParseCertsOnlyDer(ByteView der);

// The given certificates in the given order (the first is what simple clients
// take). Each must be DER of one certificate.
absl::StatusOr<Bytes> SerializeCertsOnlyDer(
    const std::vector<Bytes>& certificates);

// Re-encodes from the parts (not from `der`); equal to `der` for whatever
// ParseCertsOnlyDer took.
absl::StatusOr<Bytes> ReserializeCertsOnlyDer(const CertsOnly& parts);

}  // namespace bestow

#endif  // COMMON_PKI_CERTS_ONLY_H_
