// GET /cacerts (RFC 7030 4.1).
#ifndef SERVER_EST_CACERTS_H_
#define SERVER_EST_CACERTS_H_

#include "server/est/exchange.h"

namespace bestow::server {

// RFC 7030 4.1.2: no authentication is asked for.
void HandleCaCerts(Exchange& exchange);

}  // namespace bestow::server

#endif  // SERVER_EST_CACERTS_H_
