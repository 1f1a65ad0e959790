// Who asks: the authenticator's answer in terms of the status table.
#ifndef SERVER_EST_AUTHENTICATE_H_
#define SERVER_EST_AUTHENTICATE_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "server/auth/authenticator.h"
#include "server/est/exchange.h"
#include "server/est/services.h"

namespace bestow::server {

// Failures of both are Refuse()s, or mean kBusy or kInternal. Success is noted
// in the exchange's log fields.

// By whatever the client shows (RFC 7030 3.3.2, 3.2.3). `done` is called on the
// loop's thread, once.
void Authenticate(const Services& services, std::shared_ptr<Exchange> exchange,
                  std::function<void(absl::StatusOr<Principal>)> done);

// RFC 7030 4.2.2 speaks of the certificate that is being renewed: a client
// proves that it has it by TLS (3.3.2), and no password stands in for that.
absl::StatusOr<Principal> AuthenticateRenewal(const Services& services,
                                              Exchange& exchange);

}  // namespace bestow::server

#endif  // SERVER_EST_AUTHENTICATE_H_
