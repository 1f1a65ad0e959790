#include "server/est/linking.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/secret.h"
#include "common/crypto/base64.h"
#include "server/est/status_table.h"

namespace bestow::server {
namespace {

// RFC 7030 3.5: "If tls-unique information is included by the client, the
// server MUST verify it." Base64 of RFC 4648 section 4.
absl::Status CheckLink(std::string_view attribute, std::string_view value,
                       const absl::StatusOr<Bytes>& channel_binding) {
  if (!channel_binding.ok()) {
    return Refuse(
        Problem::kNotLinked,
        absl::StrCat("the request has the attribute ", attribute,
                     ", but this TLS session has no channel binding: ",
                     channel_binding.status().message()));
  }
  if (!ConstantTimeEquals(AsBytes(value),
                          AsBytes(EncodeBase64(*channel_binding)))) {
    return Refuse(
        Problem::kNotLinked,
        absl::StrCat("the request's ", attribute,
                     " is not this TLS session's channel binding (RFC 7030 "
                     "3.5: tls-unique; tls-exporter on TLS 1.3): sign a new "
                     "request in this session, or leave the attribute out"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> CheckLinking(
    const Pkcs10Request& request, const LinkRules& rules,
    const absl::StatusOr<Bytes>& channel_binding) {
  if (rules.is_ra) return HasLink(request);
  if (request.challenge_password.has_value()) {
    absl::Status status = CheckLink(
        "challengePassword", *request.challenge_password, channel_binding);
    if (!status.ok()) return status;
  }
  if (request.est_identity_linking.has_value()) {
    absl::Status status = CheckLink(
        "estIdentityLinking", *request.est_identity_linking, channel_binding);
    if (!status.ok()) return status;
  }
  if (rules.is_required && !HasLink(request)) {
    return Refuse(
        Problem::kNotLinked,
        "the request must be linked to its TLS session (RFC 7030 "
        "3.5): put the session's tls-unique (TLS 1.2) or tls-exporter "
        "(TLS 1.3) in base64 into challengePassword, as /csrattrs "
        "asks");
  }
  return HasLink(request);
}

bool HasLink(const Pkcs10Request& request) {
  return request.challenge_password.has_value() ||
         request.est_identity_linking.has_value();
}

}  // namespace bestow::server
