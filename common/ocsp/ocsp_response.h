// OCSP responses: building, reading (RFC 6960 4.2). No trust decisions.
#ifndef COMMON_OCSP_OCSP_RESPONSE_H_
#define COMMON_OCSP_OCSP_RESPONSE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/ocsp/cert_id.h"
#include "common/pki/name.h"
#include "common/pki/revocation_reason.h"

namespace bestow {

constexpr size_t kMaxOcspResponseBytes = 64 * 1024;
constexpr size_t kMaxOcspSingleResponses = 32;
constexpr size_t kMaxOcspCertificates = 8;

// OCSPResponseStatus. The number 4 is not used.
enum class OcspResponseStatus : uint8_t {
  kSuccessful = 0,
  kMalformedRequest = 1,
  kInternalError = 2,
  kTryLater = 3,
  kSigRequired = 5,
  kUnauthorized = 6,
};

enum class OcspCertStatus { kGood, kRevoked, kUnknown };

// Times in whole seconds.
struct OcspSingleResponse {
  OcspCertId id;
  OcspCertStatus status = OcspCertStatus::kUnknown;
  absl::Time revoked_at;  // of kRevoked
  // Of kRevoked; kUnspecified is left out.
  RevocationReason reason = RevocationReason::kUnspecified;
  absl::Time this_update;
  std::optional<absl::Time> next_update;
};

// What the responder says and signs.
struct OcspResponseData {
  // ResponderID: SHA-1 of the responder's key; or, where that is empty, its
  // name.
  Bytes responder_key_hash;
  Name responder_name;
  absl::Time produced_at;
  std::vector<OcspSingleResponse> responses;  // 1 to kMaxOcspSingleResponses
  Bytes nonce;                                // the request's; empty: none
};

// ResponseData to be signed with a signer's algorithm. kInvalidArgument: no
// response or too many; a nextUpdate that is not after its thisUpdate; a nonce
// that is too long; kRemoveFromCrl.
absl::StatusOr<Bytes> SerializeOcspResponseDataDer(
    const OcspResponseData& data);
// The whole successful OCSPResponse; `certificates` (DER) lets the client find
// the delegated responder's key (4.2.2.2), and may be empty.
absl::StatusOr<Bytes> AssembleOcspResponseDer(
    ByteView response_data_der, SignatureAlgorithm algorithm,
    ByteView signature, const std::vector<Bytes>& certificates);
// One without an answer. CHECK-fails for kSuccessful.
Bytes SerializeOcspErrorDer(OcspResponseStatus status);

struct OcspResponse {
  OcspResponseStatus status = OcspResponseStatus::kInternalError;
  // The rest is of kSuccessful alone.
  OcspResponseData data;
  Bytes response_data_der;
  Bytes signature_algorithm;
  Bytes signature;
  std::vector<Bytes> certificates;  // elements, not read
};

// One DER OCSPResponse with a BasicOCSPResponse and nothing after it, within
// the limits above: kInvalidArgument otherwise. Critical extensions that are
// not known are refused, others ignored. NOT checked: the signature, who
// signed, dates, whether nonce and CertIDs are those that were asked.
absl::StatusOr<OcspResponse> ParseOcspResponseDer(ByteView der);
// Re-encodes from response_data_der, signature_algorithm, signature and
// certificates; equal to what ParseOcspResponseDer took.
absl::StatusOr<Bytes> SerializeOcspResponseDer(const OcspResponse& response);

}  // namespace bestow

#endif  // COMMON_OCSP_OCSP_RESPONSE_H_
