// A request's body as a CSR that may be looked at further: decoded, its key
// strong, its signature right (RFC 7030 4.2.1), linked to this TLS session
// where it says so (3.5).
#ifndef SERVER_EST_CSR_CHECK_H_
#define SERVER_EST_CSR_CHECK_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/pkcs10.h"

namespace bestow::server {

struct CheckedCsr {
  Pkcs10Request request;
  bool linked = false;  // a right challengePassword was in it
};

// `channel_binding`: of the TLS session, or why there is none. Failures are
// Refuse()s.
absl::StatusOr<CheckedCsr> CheckCsr(
    std::string_view body, const absl::StatusOr<Bytes>& channel_binding);

}  // namespace bestow::server

#endif  // SERVER_EST_CSR_CHECK_H_
