#include "common/net/http_auth.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/crypto/base64.h"
#include "common/net/auth_params.h"

namespace bestow {
namespace {

// RFC 7617 2: neither part contains control characters.
bool HasControlCharacters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
}

}  // namespace

absl::StatusOr<std::vector<HttpChallenge>> ParseChallenges(
    absl::Span<const std::string> header_values) {
  std::vector<HttpChallenge> challenges;
  size_t total_bytes = 0;
  for (const std::string& value : header_values) {
    total_bytes += value.size();
    if (total_bytes > kMaxAuthBytes) {
      return absl::InvalidArgumentError("WWW-Authenticate: too long");
    }
    AuthReader reader(value);
    for (reader.SkipCommas(); !reader.empty(); reader.SkipCommas()) {
      if (challenges.size() == kMaxAuthChallenges) {
        return absl::InvalidArgumentError(
            "WWW-Authenticate: too many challenges");
      }
      HttpChallenge challenge;
      if (!reader.ReadChallenge(&challenge)) {
        return absl::InvalidArgumentError(
            "WWW-Authenticate: a challenge is malformed");
      }
      challenges.push_back(std::move(challenge));
    }
  }
  if (challenges.empty()) {
    return absl::InvalidArgumentError("WWW-Authenticate: no challenge");
  }
  return challenges;
}

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
  return absl::StrCat("Basic realm=", QuoteAuthValue(realm));
}

absl::StatusOr<Secret> FormatBasicAuthorization(std::string_view name,
                                                const Secret& password) {
  // RFC 7617 2: "a user-id containing a colon character is invalid".
  if (absl::StrContains(name, ':') || HasControlCharacters(name) ||
      HasControlCharacters(password.text())) {
    return absl::InvalidArgumentError(
        "a colon in the name, or a control character, can't be sent by Basic");
  }
  std::string pair = absl::StrCat(name, ":", password.text());
  std::string base64 = EncodeBase64(AsBytes(pair));
  std::string header = absl::StrCat("Basic ", base64);
  Secret out{std::string_view(header)};
  for (std::string* text : {&pair, &base64, &header}) {
    Cleanse(text->data(), text->size());
  }
  return out;
}

}  // namespace bestow
