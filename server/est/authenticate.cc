#include "server/est/authenticate.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/est/status_table.h"

namespace bestow::server {
namespace {

absl::StatusOr<Principal> Note(absl::StatusOr<Principal> principal,
                               Exchange& exchange) {
  if (absl::IsUnauthenticated(principal.status())) {
    const bool tried =
        FindHeader(exchange.request().headers, "Authorization").has_value();
    return Refuse(tried ? Problem::kWrongCredentials : Problem::kNoCredentials,
                  principal.status().message());
  }
  if (!principal.ok()) return principal;
  exchange.log().identity = principal->identity;
  exchange.log().auth = AuthMethodName(principal->method);
  return principal;
}

}  // namespace

void Authenticate(const Services& services, std::shared_ptr<Exchange> exchange,
                  std::function<void(absl::StatusOr<Principal>)> done) {
  // Credentials that the client chose to send are the ones that count, also
  // beside a certificate that does not.
  const std::optional<std::string> authorization =
      FindHeader(exchange->request().headers, "Authorization");
  if (authorization.has_value()) {
    services.authenticator->ByBasic(
        *authorization, [exchange, done = std::move(done)](
                            absl::StatusOr<Principal> principal) {
          exchange->Resume([exchange, done, principal = std::move(principal)] {
            done(Note(principal, *exchange));
          });
        });
    return;
  }
  absl::StatusOr<Principal> principal =
      services.authenticator->ByCertificate(exchange->client().tls);
  if (absl::IsPermissionDenied(principal.status())) {
    // HTTP credentials could still help.
    principal = absl::UnauthenticatedError(
        absl::StrCat(principal.status().message(), "; no HTTP credentials"));
  }
  done(Note(std::move(principal), *exchange));
}

absl::StatusOr<Principal> AuthenticateRenewal(const Services& services,
                                              Exchange& exchange) {
  absl::StatusOr<Principal> principal =
      services.authenticator->ByCertificate(exchange.client().tls);
  if (absl::IsUnauthenticated(principal.status())) {
    return Refuse(
        Problem::kNoCertificate,
        "re-enrollment needs the certificate that is to be renewed, as TLS "
        "client certificate; without one use /simpleenroll");
  }
  if (absl::IsPermissionDenied(principal.status())) {
    return Refuse(Problem::kBadCertificate, principal.status().message());
  }
  return Note(std::move(principal), exchange);
}

}  // namespace bestow::server
