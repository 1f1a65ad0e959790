#include "server/est/authenticate.h"

#include <string>
#include <utility>

#include "server/auth/auth_failure.h"
#include "server/est/status_table.h"

namespace bestow::server {
namespace {

using Kind = AuthFailure::Kind;

AuthRules RulesOf(const Service& service) {
  AuthRules rules;
  rules.label = service.label;
  rules.realm = service.config.realm;
  rules.config = service.config.auth;
  rules.expired_grace = service.config.enrollment.expired_grace;
  rules.ca_anchors = service.ca_anchors;
  rules.idevid_anchors = service.idevid_anchors;
  return rules;
}

absl::Status RefusalOf(const absl::Status& status, Exchange& exchange) {
  AuthFailure failure = AuthFailureOf(status);
  switch (failure.kind) {
    case Kind::kNoCredentials:
    case Kind::kWrongCredentials:
      exchange.set_challenges(std::move(failure.challenges));
      return Refuse(failure.kind == Kind::kNoCredentials
                        ? Problem::kNoCredentials
                        : Problem::kWrongCredentials,
                    status.message());
    case Kind::kNoCertificate:
      return Refuse(Problem::kNoCertificate, status.message());
    case Kind::kBadCertificate:
      return Refuse(Problem::kBadCertificate, status.message());
    case Kind::kRevoked:
      return Refuse(Problem::kRevoked, status.message());
    case Kind::kNotForLabel:
      return Refuse(Problem::kNotRegistered, status.message());
    case Kind::kTooManyTries:
      return RefuseUntil(Problem::kTooManyTries, status.message(),
                         failure.retry_after);
    case Kind::kOther:
      break;
  }
  return status;
}

absl::StatusOr<Principal> Note(absl::StatusOr<Principal> principal,
                               Exchange& exchange) {
  if (!principal.ok()) return RefusalOf(principal.status(), exchange);
  exchange.log().identity = principal->identity;
  exchange.log().auth = AuthMethodName(principal->method);
  return principal;
}

}  // namespace

void Authenticate(const Services& services, std::shared_ptr<Exchange> exchange,
                  std::function<void(absl::StatusOr<Principal>)> done) {
  const AuthRules rules = RulesOf(exchange->service());
  const Authenticator::Request request{
      rules,
      exchange->request().method,
      exchange->request().target,
      FindHeader(exchange->request().headers, "Authorization"),
      exchange->client().tls,
      exchange->client().remote_address};
  services.authenticator->Authenticate(
      request,
      [exchange, done = std::move(done)](absl::StatusOr<Principal> principal) {
        exchange->Resume([exchange, done, principal = std::move(principal)] {
          done(Note(principal, *exchange));
        });
      });
}

absl::StatusOr<Principal> AuthenticateRenewal(const Services& services,
                                              Exchange& exchange) {
  absl::StatusOr<Principal> principal = services.authenticator->ForReenrollment(
      RulesOf(exchange.service()), exchange.client().tls);
  if (AuthFailureOf(principal.status()).kind == Kind::kNoCertificate) {
    return Refuse(
        Problem::kNoCertificate,
        "re-enrollment needs the certificate that is to be renewed, as TLS "
        "client certificate; without one use /simpleenroll");
  }
  return Note(std::move(principal), exchange);
}

}  // namespace bestow::server
