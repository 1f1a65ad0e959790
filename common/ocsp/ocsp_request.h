// OCSP requests: reading, building (RFC 6960 4.1; over HTTP: A.1, RFC 5019).
#ifndef COMMON_OCSP_OCSP_REQUEST_H_
#define COMMON_OCSP_OCSP_REQUEST_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/ocsp/cert_id.h"
#include "common/pki/extension.h"

namespace bestow {

constexpr size_t kMaxOcspRequestBytes = 16 * 1024;
constexpr size_t kMaxOcspSingleRequests = 32;
// Of a GET, escapes among them. RFC 5019 5 has clients use GET up to 255.
constexpr size_t kMaxOcspGetBytes = 2048;

struct OcspSingleRequest {
  OcspCertId id;
  std::vector<Extension> extensions;
};

struct OcspRequest {
  Bytes requestor_name;  // a GeneralName's element, not read; or empty
  std::vector<OcspSingleRequest> requests;  // 1 to kMaxOcspSingleRequests
  std::vector<Extension> extensions;
  // A Signature's element, not verified, which RFC 6960 leaves to the
  // responder; or empty.
  Bytes signature;

  Bytes nonce;  // decoded from `extensions`; empty when there is none
};

// One DER OCSPRequest with nothing after it. kInvalidArgument, which the
// responder answers with malformedRequest: malformed, longer or with more
// single requests than above, an empty or overlong nonce (RFC 8954 2.1), a
// critical extension that is not known (4.1.2).
absl::StatusOr<OcspRequest> ParseOcspRequestDer(ByteView der);

// All but `nonce`, which stands in `extensions` (OcspNonceExtension).
absl::StatusOr<Bytes> SerializeOcspRequestDer(const OcspRequest& request);

// The DER that a GET carries in the last part of its path, after the
// responder's own and a '/': base64, with %XX for what is not allowed there;
// '/' and '+' as they are, too, which clients in the field send.
// kInvalidArgument: another character, half an escape, no base64, too long.
absl::StatusOr<Bytes> DecodeOcspGet(std::string_view path_part);
std::string EncodeOcspGet(ByteView request_der);

}  // namespace bestow

#endif  // COMMON_OCSP_OCSP_REQUEST_H_
