// Whether a request is bound to the TLS session that it came in (RFC 7030 3.5).
#ifndef SERVER_EST_LINKING_H_
#define SERVER_EST_LINKING_H_

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/pkcs10.h"

namespace bestow::server {

struct LinkRules {
  bool is_required = false;
  // RFC 7030 3.7: an authenticated RA has verified the link itself, in another
  // session, and its requests for others pass unverified. Not those for itself.
  bool is_ra = false;
};

// Whether the request carries a link (its connection then ends with the reply,
// RFC 9266 4.1). Every link that is there must be right, each by itself
// (RFC 7894 4): challengePassword holds tls-unique (TLS 1.2; RFC 7030 3.5) or
// tls-exporter (TLS 1.3; as RFC 9148 3 carries it), in base64.
// `channel_binding`: of the TLS session, or why there is none. Failures are
// Refuse()s.
absl::StatusOr<bool> CheckLinking(const Pkcs10Request& request,
                                  const LinkRules& rules,
                                  const absl::StatusOr<Bytes>& channel_binding);

// A link is in the request, right or wrong.
bool HasLink(const Pkcs10Request& request);

}  // namespace bestow::server

#endif  // SERVER_EST_LINKING_H_
