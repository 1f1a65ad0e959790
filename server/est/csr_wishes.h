// What /csrattrs asks a client for (RFC 7030 4.5.2, RFC 9908).
#ifndef SERVER_EST_CSR_WISHES_H_
#define SERVER_EST_CSR_WISHES_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "common/est/csr_attrs.h"
#include "server/config/config.h"

namespace bestow::server {

// True when the whole of `text` fits `pattern`: '*' is any number of
// characters, '?' is one. Takes at most |pattern| * |text| steps.
bool MatchesPattern(std::string_view pattern, std::string_view text);

// RFC 7030's list and, where the config says so, RFC 9908's template beside it.
// For `identity`, "" when it is not known who asks: what then depends on the
// name is left out of the list, and without a value in the template. Unless
// linking is off, estIdentityLinking (RFC 7894 4) is among it, whoever asks;
// where it is required, challengePassword (4.5.2) too. Empty items: nothing is
// asked for.
// kInvalidArgument: a template makes no valid name of this identity.
absl::StatusOr<est::CsrAttrs> CsrWishesFor(const ServiceConfig& config,
                                           std::string_view identity);

}  // namespace bestow::server

#endif  // SERVER_EST_CSR_WISHES_H_
