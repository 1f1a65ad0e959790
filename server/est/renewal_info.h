// GET /renewal-info/<id>: when to renew a certificate.
#ifndef SERVER_EST_RENEWAL_INFO_H_
#define SERVER_EST_RENEWAL_INFO_H_

#include <string_view>

#include "server/est/exchange.h"
#include "server/est/services.h"

namespace bestow::server {

// `id` is "<base64url AKI>.<base64url serial>" of a certificate that this label
// issued. The reply is JSON with suggestedWindow: the operator's order when
// there is one that means it, else the last third of its lifetime; Retry-After
// says when to ask again. Nobody has to authenticate: the answer holds nothing
// that the certificate's owner hides, and an unknown id gives 404.
void HandleRenewalInfo(const Services& services, std::string_view id,
                       Exchange& exchange);

}  // namespace bestow::server

#endif  // SERVER_EST_RENEWAL_INFO_H_
