// EST's paths, operations and media types (RFC 7030 3.2.2, 3.2.4); the path of
// renewal information (LAMPS draft) beside them.
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
  kServerKeyGen,
  kRenewalInfo,
  kFullCmc,
};

inline constexpr std::string_view kWellKnownPrefix = "/.well-known/est/";
inline constexpr std::string_view kPkcs10MediaType = "application/pkcs10";
// Exactly this spelling: clients compare it as text.
inline constexpr std::string_view kCertsOnlyMediaType =
    "application/pkcs7-mime; smime-type=certs-only";
inline constexpr std::string_view kCaCertsMediaType = "application/pkcs7-mime";
inline constexpr std::string_view kCsrAttrsMediaType = "application/csrattrs";
// /serverkeygen's reply and the kinds of its key part (RFC 7030 4.4.2).
inline constexpr std::string_view kServerKeyGenMediaType = "multipart/mixed";
inline constexpr std::string_view kPkcs8MediaType = "application/pkcs8";
inline constexpr std::string_view kServerGeneratedKeyMediaType =
    "application/pkcs7-mime; smime-type=server-generated-key";
inline constexpr std::string_view kRenewalInfoMediaType = "application/json";

std::string_view OperationName(Operation operation);  // "simpleenroll"

struct Target {
  Operation operation;
  std::string label;     // "" without one
  std::string argument;  // renewal-info's last segment; "" with the others
  bool operator==(const Target&) const = default;
};

// A request target's path, without query. nullopt: no path of the operations
// above. A label is 1 to 64 unreserved characters (RFC 3986) and never the name
// of an operation, served or not. renewal-info has one more segment, of 1 to
// 256 unreserved characters (ParseRenewalInfoId reads it); the others have
// none. Percent-encoding is not decoded: it never matches.
std::optional<Target> ParsePath(std::string_view path);
std::string FormatPath(Operation operation, std::string_view label,
                       std::string_view argument = "");

// "application/pkcs7-mime; smime-type=certs-only" against a type, without
// regard to case, parameters ignored.
bool MediaTypeIs(std::string_view header, std::string_view type);

}  // namespace bestow::est

#endif  // COMMON_EST_PROTOCOL_H_
