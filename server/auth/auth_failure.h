// Why nobody was authenticated, as a value that travels in a Status.
#ifndef SERVER_AUTH_AUTH_FAILURE_H_
#define SERVER_AUTH_AUTH_FAILURE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace bestow::server {

struct AuthFailure {
  enum class Kind {
    kNoCredentials,     // none, or a Digest whose nonce is used up: 401
    kWrongCredentials,  // 401; the message is the same for name and password
    kNoCertificate,     // a TLS client certificate is asked for: 403
    kBadCertificate,    // 403; the message says why it does not count
    kRevoked,           // 403; the message says since when and why
    kNotForLabel,       // right, but the identity is not for this label: 403
    kTooManyTries,      // 429
    kOther,             // the store's or another status: see its code
  };
  Kind kind = Kind::kOther;
  // The values of WWW-Authenticate, one header each, in this order (of a 401).
  std::vector<std::string> challenges;
  absl::Duration retry_after;  // of kTooManyTries: whole seconds, at least one
};

// kUnauthenticated, kPermissionDenied or kResourceExhausted, by the kind.
// `message` is one line for the client and the log, without secrets.
absl::Status MakeAuthFailure(const AuthFailure& failure,
                             std::string_view message);
// Of any status that is not OK; kOther when MakeAuthFailure did not make it.
AuthFailure AuthFailureOf(const absl::Status& status);

}  // namespace bestow::server

#endif  // SERVER_AUTH_AUTH_FAILURE_H_
