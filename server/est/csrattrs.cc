#include "server/est/csrattrs.h"

#include "common/est/protocol.h"
#include "server/est/reply.h"

namespace bestow::server {

void HandleCsrAttrs(Exchange& exchange) {
  const std::string& body = exchange.snapshot().csrattrs_body;
  if (body.empty()) {
    HttpResponse response;
    response.status = 204;
    exchange.Finish(response);
    return;
  }
  exchange.Finish(EstReply(est::kCsrAttrsMediaType, body));
}

}  // namespace bestow::server
