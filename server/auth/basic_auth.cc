#include "server/auth/basic_auth.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace bestow::server {
namespace {

// RFC 7617 2: neither part contains control characters.
bool HasControlCharacters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
}

}  // namespace

absl::StatusOr<BasicCredentials> ParseBasicAuthorization(
    std::string_view header) {
  header = absl::StripAsciiWhitespace(header);
  const size_t space = header.find(' ');
  if (!absl::EqualsIgnoreCase(header.substr(0, space), "Basic")) {
    return absl::UnauthenticatedError(
        "the Authorization header is not of the Basic scheme");
  }
  std::string_view token = space == std::string_view::npos
                               ? std::string_view()
                               : header.substr(space + 1);
  token = absl::StripAsciiWhitespace(token);
  std::string decoded;
  const bool is_base64 = absl::Base64Unescape(token, &decoded);
  const Secret user_pass{std::string_view(decoded)};
  Cleanse(decoded.data(), decoded.size());
  if (!is_base64) {
    return absl::UnauthenticatedError("Basic credentials are not base64");
  }
  const std::string_view text = user_pass.text();
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || HasControlCharacters(text)) {
    return absl::UnauthenticatedError(
        "Basic credentials are not name:password");
  }
  return BasicCredentials{std::string(text.substr(0, colon)),
                          Secret(text.substr(colon + 1))};
}

std::string BasicChallenge(std::string_view realm) {
  return absl::StrCat(
      "Basic realm=\"",
      absl::StrReplaceAll(realm, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

}  // namespace bestow::server
