#include "server/est/cacerts.h"

#include "common/est/protocol.h"
#include "server/est/reply.h"
#include "server/est/status_table.h"

namespace bestow::server {

void HandleCaCerts(Exchange& exchange) {
  const Service& service = exchange.service();
  if (service.cacerts_body.empty()) {
    return exchange.Fail(
        RefuseUntil(Problem::kUpstreamDown,
                    "the upstream's CA certificates are not here yet",
                    service.config.upstream.retry_after));
  }
  exchange.Finish(EstReply(est::kCaCertsMediaType, service.cacerts_body));
}

}  // namespace bestow::server
