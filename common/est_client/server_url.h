// Where the EST server is.
#ifndef COMMON_EST_CLIENT_SERVER_URL_H_
#define COMMON_EST_CLIENT_SERVER_URL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace bestow {

struct ServerUrl {
  std::string host;  // a DNS name, or an address without brackets
  uint16_t port = 443;
  std::string label;  // the CA label (RFC 7030 3.2.2), or ""
  bool operator==(const ServerUrl&) const = default;

  std::string ToText() const;  // "https://host:port", "... label x"
};

// "https://est.example:8443", also with "/.well-known/est" and a label after
// it. kInvalidArgument with what is wrong.
absl::StatusOr<ServerUrl> ParseServerUrl(std::string_view text);

}  // namespace bestow

#endif  // COMMON_EST_CLIENT_SERVER_URL_H_
