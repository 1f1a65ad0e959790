#include "common/est_client/server_url.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/est/protocol.h"

namespace bestow {
namespace {

constexpr size_t kMaxHostChars = 253;

absl::Status Wrong(std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(why, "; write it as \"https://est.example:8443\""));
}

bool IsHostChar(char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
}
bool IsAddressChar(char c) {
  return absl::ascii_isxdigit(c) || c == ':' || c == '.';
}

}  // namespace

absl::StatusOr<ServerUrl> ParseServerUrl(std::string_view text) {
  if (!absl::ConsumePrefix(&text, "https://")) {
    return Wrong("the server's URL must begin with https://");
  }
  const size_t slash = text.find('/');
  std::string_view authority = text.substr(0, slash);
  std::string_view path =
      slash == text.npos ? std::string_view() : text.substr(slash);

  ServerUrl url;
  std::string_view port;
  if (absl::ConsumePrefix(&authority, "[")) {
    const size_t bracket = authority.find(']');
    if (bracket == authority.npos) return Wrong("the address has no ]");
    url.host = authority.substr(0, bracket);
    port = authority.substr(bracket + 1);
    if (url.host.empty() ||
        !std::all_of(url.host.begin(), url.host.end(), IsAddressChar)) {
      return Wrong("the address in brackets is none");
    }
  } else {
    const size_t colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    port = authority.substr(colon);
    if (url.host.empty() || url.host.size() > kMaxHostChars ||
        !std::all_of(url.host.begin(), url.host.end(), IsHostChar)) {
      return Wrong("the URL has no host name, or one with odd characters");
    }
  }
  if (!port.empty()) {
    uint32_t number = 0;
    if (!absl::ConsumePrefix(&port, ":") || !absl::SimpleAtoi(port, &number) ||
        number == 0 || number > 65535) {
      return Wrong("the URL's port is not between 1 and 65535");
    }
    url.port = static_cast<uint16_t>(number);
  }
  absl::ConsumeSuffix(&path, "/");
  if (path.empty() || path == "/.well-known/est") return url;
  // With an operation after it, what is left must be an EST path with a label.
  auto target = est::ParsePath(absl::StrCat(path, "/cacerts"));
  if (!target || target->label.empty()) {
    return Wrong("the URL's path is not /.well-known/est with one CA label");
  }
  url.label = target->label;
  return url;
}

std::string ServerUrl::ToText() const {
  const bool is_v6 = absl::StrContains(host, ":");
  return absl::StrCat("https://", is_v6 ? "[" : "", host, is_v6 ? "]" : "", ":",
                      port, label.empty() ? "" : " label ", label);
}

}  // namespace bestow
