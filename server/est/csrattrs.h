// GET /csrattrs (RFC 7030 4.5).
#ifndef SERVER_EST_CSRATTRS_H_
#define SERVER_EST_CSRATTRS_H_

#include "server/est/exchange.h"

namespace bestow::server {

// 204 when none are configured (RFC 7030 4.5.2). No authentication is asked
// for (4.5).
void HandleCsrAttrs(Exchange& exchange);

}  // namespace bestow::server

#endif  // SERVER_EST_CSRATTRS_H_
