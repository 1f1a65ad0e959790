// GET /csrattrs (RFC 7030 4.5).
#ifndef SERVER_EST_CSRATTRS_H_
#define SERVER_EST_CSRATTRS_H_

#include <memory>

#include "server/est/exchange.h"
#include "server/est/services.h"

namespace bestow::server {

// 204 when nothing is asked for, not even a link (RFC 7030 4.5.2). No
// authentication is demanded (4.5); but where the answer depends on who asks,
// and credentials came along, they are looked at. Wrong ones get what everybody
// gets: a client that has yet to learn what to ask for is no place to fail.
void HandleCsrAttrs(const Services& services,
                    std::shared_ptr<Exchange> exchange);

}  // namespace bestow::server

#endif  // SERVER_EST_CSRATTRS_H_
