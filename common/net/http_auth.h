// Both sides of HTTP authentication: challenges, Basic (RFC 7617) and Digest
// with qop=auth (RFC 7616). Pure: text in, values out. Any thread.
#ifndef COMMON_NET_HTTP_AUTH_H_
#define COMMON_NET_HTTP_AUTH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/secret.h"

namespace bestow {

// challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ] (RFC 9110 11.3)
struct HttpChallenge {
  std::string scheme;   // as written: compare without regard to case
  std::string token68;  // "" without one
  // Names in lower case, values unquoted, in the order found; no name twice.
  std::vector<std::pair<std::string, std::string>> parameters;
  bool operator==(const HttpChallenge&) const = default;
};

// The WWW-Authenticate headers of a reply, each with any number of challenges.
// kInvalidArgument: none, over 16 challenges, 16 parameters in one or 8 KiB in
// all; a name twice in one challenge; what is not of the grammar.
absl::StatusOr<std::vector<HttpChallenge>> ParseChallenges(
    absl::Span<const std::string> header_values);

// --- Basic ---

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
// The value of Authorization. kInvalidArgument: a colon in the name, control
// characters in either.
absl::StatusOr<Secret> FormatBasicAuthorization(std::string_view name,
                                                const Secret& password);

// --- Digest ---

enum class DigestAlgorithm { kMd5, kSha256 };

struct DigestChallenge {
  std::string realm;
  std::string nonce;
  std::string opaque;  // "": none
  DigestAlgorithm algorithm = DigestAlgorithm::kMd5;
  bool stale = false;
  bool operator==(const DigestChallenge&) const = default;
};

// The value of WWW-Authenticate, with qop="auth". Everything is quoted but
// stale and algorithm (RFC 7616 3.3), which stand there only when they are not
// what is meant without them: false and MD5. Nothing in `challenge` has control
// characters.
std::string FormatDigestChallenge(const DigestChallenge& challenge);
// kInvalidArgument: another scheme, no realm, nonce or qop=auth, a value over
// 256 octets, an algorithm that is not one of ours.
absl::StatusOr<DigestChallenge> ReadDigestChallenge(
    const HttpChallenge& challenge);

struct DigestCredentials {
  std::string username;
  std::string realm;
  std::string nonce;
  std::string uri;       // the request target, as the client says
  std::string response;  // lower-case hex of the algorithm's length
  std::string cnonce;
  std::string opaque;  // "": none
  uint32_t nc = 1;     // from 1
  DigestAlgorithm algorithm = DigestAlgorithm::kMd5;
  bool operator==(const DigestCredentials&) const = default;
};

// kUnauthenticated with the reason (never with what was sent): another scheme,
// a parameter missing (of RFC 7616 3.4's, all but opaque and algorithm are
// mandatory), twice or malformed; a qop other than auth; userhash or username*
// (which are for challenges that say so); another algorithm; over 256 octets of
// a value, 2,048 of the uri. qop, nc and algorithm may be quoted, as field
// clients and RFC 7030 A.3 have them. NOT checked: that realm, nonce, opaque
// and uri are those of the challenge and the request, and the response.
absl::StatusOr<DigestCredentials> ParseDigestAuthorization(
    std::string_view header);
// The value of Authorization; algorithm stands there but for MD5.
std::string FormatDigestAuthorization(const DigestCredentials& credentials);

// H(A1) of RFC 7616 3.4.2 in lower-case hex: as good as the password, for this
// realm.
Secret DigestHa1(DigestAlgorithm algorithm, std::string_view username,
                 std::string_view realm, const Secret& password);
// The response for qop=auth (3.4.1, 3.4.3). Compare it in constant time.
std::string DigestResponse(DigestAlgorithm algorithm, const Secret& ha1,
                           std::string_view method, std::string_view uri,
                           std::string_view nonce, uint32_t nc,
                           std::string_view cnonce);

}  // namespace bestow

#endif  // COMMON_NET_HTTP_AUTH_H_
