#include "server/est/est_service.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/est/protocol.h"
#include "server/est/cacerts.h"
#include "server/est/csrattrs.h"
#include "server/est/enroll.h"
#include "server/est/renewal_info.h"
#include "server/est/status_table.h"

namespace bestow::server {
namespace {

// RFC 9112 3.2: a target is a path, or (to be accepted by every server) a whole
// URI. Without the query, which EST has none of.
std::string_view PathOf(std::string_view target) {
  constexpr std::string_view kScheme = "https://";
  if (absl::StartsWithIgnoreCase(target, kScheme)) {
    const size_t slash = target.find('/', kScheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

bool IsGet(est::Operation operation) {
  return operation == est::Operation::kCaCerts ||
         operation == est::Operation::kCsrAttrs ||
         operation == est::Operation::kRenewalInfo;
}

}  // namespace

void EstService::Handle(const HttpRequest& request, ClientInfo client,
                        Exchange::Post post, Exchange::Reply reply) const {
  auto exchange = std::make_shared<Exchange>(
      request, std::move(client), options_.snapshot(), std::move(post),
      std::move(reply), options_.log_line, *options_.services.audit);
  const std::string_view path = PathOf(exchange->request().target);
  const std::optional<est::Target> target = est::ParsePath(path);
  if (!target.has_value() || target->operation == est::Operation::kFullCmc) {
    exchange->log().operation = std::string(path);
    return exchange->Fail(Refuse(
        Problem::kUnknownPath,
        absl::StrCat(
            "not an EST operation of this server: see ", est::kWellKnownPrefix,
            "{cacerts,simpleenroll,simplereenroll,serverkeygen,csrattrs} and "
            "renewal-info/<id>")));
  }
  exchange->log().operation =
      std::string(est::OperationName(target->operation));
  exchange->log().label = target->label;
  const Service* service = exchange->snapshot().Find(target->label);
  if (service == nullptr) {
    return exchange->Fail(Refuse(
        Problem::kUnknownLabel,
        absl::StrCat("this server has no label ", target->label,
                     ": leave it out, or use one that its operator made")));
  }
  exchange->set_service(service);
  const std::string& method = exchange->request().method;
  const bool is_get = IsGet(target->operation);
  if (is_get ? method != "GET" && method != "HEAD" : method != "POST") {
    const std::string_view allowed = is_get ? "GET, HEAD" : "POST";
    return exchange->Fail(
        Refuse(Problem::kWrongMethod,
               absl::StrCat(est::OperationName(target->operation), " takes ",
                            allowed)),
        allowed);
  }
  switch (target->operation) {
    case est::Operation::kCaCerts:
      return HandleCaCerts(*exchange);
    case est::Operation::kCsrAttrs:
      return HandleCsrAttrs(options_.services, exchange);
    case est::Operation::kSimpleEnroll:
    case est::Operation::kSimpleReenroll:
    case est::Operation::kServerKeyGen:
      return Enrollment::Start(options_.services, {key_maker_, rate_limit_},
                               target->operation, exchange);
    case est::Operation::kRenewalInfo:
      return HandleRenewalInfo(options_.services, target->argument, *exchange);
    case est::Operation::kFullCmc:
      break;  // not served, see above
  }
}

}  // namespace bestow::server
