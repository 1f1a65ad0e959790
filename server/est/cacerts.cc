#include "server/est/cacerts.h"

#include "common/est/protocol.h"
#include "server/est/reply.h"

namespace bestow::server {

void HandleCaCerts(Exchange& exchange) {
  exchange.Finish(
      EstReply(est::kCaCertsMediaType, exchange.service().cacerts_body));
}

}  // namespace bestow::server
