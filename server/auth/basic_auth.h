// The Authorization header of HTTP Basic (RFC 7617).
#ifndef SERVER_AUTH_BASIC_AUTH_H_
#define SERVER_AUTH_BASIC_AUTH_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/secret.h"

namespace bestow::server {

struct BasicCredentials {
  std::string name;  // up to the first colon; may be empty
  Secret password;
};

// kUnauthenticated with the reason (never with what was sent) when `header` is
// of another scheme, not base64, without a colon, or has control characters.
absl::StatusOr<BasicCredentials> ParseBasicAuthorization(
    std::string_view header);

// The value of WWW-Authenticate. No charset parameter: some clients read no
// more than `realm`, and choke. `realm` has no control characters.
std::string BasicChallenge(std::string_view realm);

}  // namespace bestow::server

#endif  // SERVER_AUTH_BASIC_AUTH_H_
