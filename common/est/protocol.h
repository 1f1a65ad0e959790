// EST's paths, operations and media types (RFC 7030 3.2.2, 3.2.4).
#ifndef COMMON_EST_PROTOCOL_H_
#define COMMON_EST_PROTOCOL_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bestow::est {

enum class Operation {
  kCaCerts,
  kSimpleEnroll,
  kSimpleReenroll,
  kCsrAttrs,
};

inline constexpr std::string_view kWellKnownPrefix = "/.well-known/est/";
inline constexpr std::string_view kPkcs10MediaType = "application/pkcs10";
// Exactly this spelling: clients compare it as text.
inline constexpr std::string_view kCertsOnlyMediaType =
    "application/pkcs7-mime; smime-type=certs-only";
inline constexpr std::string_view kCaCertsMediaType = "application/pkcs7-mime";
inline constexpr std::string_view kCsrAttrsMediaType = "application/csrattrs";

std::string_view OperationName(Operation operation);  // "simpleenroll"

struct Target {
  Operation operation;
  std::string label;  // "" without one
  bool operator==(const Target&) const = default;
};

// A request target's path, without query. nullopt: not an EST path that we
// serve. A label is 1 to 64 unreserved characters (RFC 3986) and never an
// operation's name. Percent-encoding is not decoded: it never matches.
std::optional<Target> ParsePath(std::string_view path);
std::string FormatPath(Operation operation, std::string_view label);

// "application/pkcs7-mime; smime-type=certs-only" against a type, without
// regard to case, parameters ignored.
bool MediaTypeIs(std::string_view header, std::string_view type);

}  // namespace bestow::est

#endif  // COMMON_EST_PROTOCOL_H_
