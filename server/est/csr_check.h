// A request's body as a CSR that may be looked at further.
#ifndef SERVER_EST_CSR_CHECK_H_
#define SERVER_EST_CSR_CHECK_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "common/pki/pkcs10.h"

namespace bestow::server {

enum class CsrKey {
  kCertified,  // strong, and the request is signed with it (RFC 7030 4.2.1)
  // RFC 7030 4.4.1: "the server MUST ignore the public key values and signature
  // in the CSR."
  kIgnored,
};

// Decoded from base64 (RFC 8951) and DER. NOT checked: links, challenges, what
// it asks for. Failures are Refuse()s.
absl::StatusOr<Pkcs10Request> CheckCsr(std::string_view body, CsrKey key);

}  // namespace bestow::server

#endif  // SERVER_EST_CSR_CHECK_H_
