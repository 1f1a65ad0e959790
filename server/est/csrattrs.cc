#include "server/est/csrattrs.h"

#include "common/est/csr_attrs.h"
#include "common/est/protocol.h"
#include "common/est/transfer_encoding.h"
#include "server/est/reply.h"

namespace bestow::server {

void HandleCsrAttrs(Exchange& exchange) {
  const Service& service = exchange.service();
  absl::StatusOr<est::CsrAttrs> attrs = service.CsrAttrsFor("");
  if (!attrs.ok()) return exchange.Fail(attrs.status());
  if (attrs->items.empty()) {
    HttpResponse response;
    response.status = 204;
    exchange.Finish(response);
    return;
  }
  absl::StatusOr<Bytes> der = est::SerializeCsrAttrsDer(*attrs);
  if (!der.ok()) return exchange.Fail(der.status());
  exchange.Finish(EstReply(est::kCsrAttrsMediaType,
                           est::EncodeBody(*der, service.config.line_wrap)));
}

}  // namespace bestow::server
