#include "server/est/csrattrs.h"

#include <optional>
#include <utility>

#include "common/est/csr_attrs.h"
#include "common/est/protocol.h"
#include "common/est/transfer_encoding.h"
#include "server/est/authenticate.h"
#include "server/est/reply.h"
#include "server/est/status_table.h"

namespace bestow::server {
namespace {

void ReplyFor(std::string_view identity, Exchange& exchange) {
  const Service& service = exchange.service();
  absl::StatusOr<est::CsrAttrs> attrs = service.CsrAttrsFor(identity);
  if (!attrs.ok()) return exchange.Fail(attrs.status());
  if (attrs->items.empty()) {
    HttpResponse response;
    response.status = 204;
    return exchange.Finish(std::move(response));
  }
  absl::StatusOr<Bytes> der = est::SerializeCsrAttrsDer(*attrs);
  if (!der.ok()) return exchange.Fail(der.status());
  exchange.Finish(EstReply(est::kCsrAttrsMediaType,
                           est::EncodeBody(*der, service.config.line_wrap)));
}

// What the upstream said last.
void ReplyAsUpstream(const Services& services, const UpstreamConfig& upstream,
                     Exchange& exchange) {
  const std::optional<Bytes> der =
      services.forwarder->CsrAttrs(upstream.connection.folder);
  if (!der.has_value()) {
    return exchange.Fail(
        RefuseUntil(Problem::kUpstreamDown,
                    "the upstream's CSR attributes are not here yet",
                    upstream.retry_after));
  }
  if (der->empty()) {
    HttpResponse response;
    response.status = 204;
    return exchange.Finish(std::move(response));
  }
  exchange.Finish(
      EstReply(est::kCsrAttrsMediaType,
               est::EncodeBody(*der, exchange.service().config.line_wrap)));
}

// A template of a name makes the answer depend on who asks, too.
bool DependsOnIdentity(const CsrAttrsConfig& config) {
  return !config.for_identities.empty() || !config.all.sans.empty() ||
         !config.all.subject.empty();
}

}  // namespace

void HandleCsrAttrs(const Services& services,
                    std::shared_ptr<Exchange> exchange) {
  const UpstreamConfig& upstream = exchange->service().config.upstream;
  if (upstream.forwards() && upstream.csr_attrs == CsrAttrsFrom::kUpstream) {
    return ReplyAsUpstream(services, upstream, *exchange);
  }
  const bool has_credentials =
      FindHeader(exchange->request().headers, "Authorization").has_value() ||
      !exchange->client().tls.chain.empty();
  if (!has_credentials ||
      !DependsOnIdentity(exchange->service().config.csr_attrs)) {
    return ReplyFor("", *exchange);
  }
  Authenticate(
      services, exchange, [exchange](absl::StatusOr<Principal> principal) {
        const int status =
            principal.ok() ? 200
                           : RowOf(ProblemOf(principal.status())).http_status;
        // Another answer later would be another one than now.
        if (status == 429 || status >= 500) {
          return exchange->Fail(principal.status());
        }
        if (!principal.ok()) {
          exchange->log().AddNote(principal.status().message());
        }
        ReplyFor(principal.ok() ? principal->identity : "", *exchange);
      });
}

}  // namespace bestow::server
