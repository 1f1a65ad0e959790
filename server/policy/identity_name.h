// The names that operators give to identities.
#ifndef SERVER_POLICY_IDENTITY_NAME_H_
#define SERVER_POLICY_IDENTITY_NAME_H_

#include <string_view>

#include "absl/status/status.h"

namespace bestow::server {

// 1 to 64 of A-Z a-z 0-9 . _ @ -, the first a letter or digit: what fits into
// a common name (RFC 5280 ub-common-name), into Basic's name:password, and has
// no meaning in the text of any name. kInvalidArgument otherwise.
absl::Status CheckIdentityName(std::string_view name);

}  // namespace bestow::server

#endif  // SERVER_POLICY_IDENTITY_NAME_H_
