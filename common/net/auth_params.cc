#include "common/net/auth_params.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace bestow {
namespace {

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         (c != '\0' && absl::StrContains("!#$%&'*+-.^_`|~", c));
}

// token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
bool IsToken68Character(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         (c != '\0' && absl::StrContains("-._~+/", c));
}

bool IsWhitespace(char c) { return c == ' ' || c == '\t'; }

size_t CountFront(std::string_view text, bool (*is)(char)) {
  return std::find_if_not(text.begin(), text.end(), is) - text.begin();
}

}  // namespace

void AuthReader::SkipWhitespace() {
  rest_.remove_prefix(CountFront(rest_, IsWhitespace));
}

void AuthReader::SkipCommas() {
  rest_.remove_prefix(
      CountFront(rest_, [](char c) { return IsWhitespace(c) || c == ','; }));
}

std::string_view AuthReader::TakeToken() {
  const std::string_view token =
      rest_.substr(0, CountFront(rest_, IsTokenCharacter));
  rest_.remove_prefix(token.size());
  return token;
}

// quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE, without control
// characters but HTAB.
bool AuthReader::TakeQuoted(std::string* value) {
  rest_.remove_prefix(1);
  while (!rest_.empty()) {
    char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '"') return true;
    if (c == '\\') {
      if (rest_.empty()) return false;
      c = rest_.front();
      rest_.remove_prefix(1);
    }
    if (c != '\t' && absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      return false;
    }
    value->push_back(c);
  }
  return false;
}

bool AuthReader::NextIsParameter() const {
  const size_t name = CountFront(rest_, IsTokenCharacter);
  if (name == 0) return false;
  std::string_view after = rest_.substr(name);
  after.remove_prefix(CountFront(after, IsWhitespace));
  if (after.empty() || after.front() != '=') return false;
  after.remove_prefix(1);
  after.remove_prefix(CountFront(after, IsWhitespace));
  // "YWJj=" and "YWJj==, x" are token68.
  return !after.empty() &&
         (after.front() == '"' || IsTokenCharacter(after.front()));
}

// auth-param = token BWS "=" BWS ( token / quoted-string )
bool AuthReader::ReadParameter(HttpChallenge* challenge) {
  std::string name = absl::AsciiStrToLower(TakeToken());
  SkipWhitespace();
  rest_.remove_prefix(1);  // "="
  SkipWhitespace();
  std::string value;
  if (rest_.front() == '"') {
    if (!TakeQuoted(&value)) return false;
  } else {
    value = std::string(TakeToken());
  }
  // RFC 9110 11.2: "each parameter name MUST only occur once per challenge".
  if (FindParameter(*challenge, name).has_value() ||
      challenge->parameters.size() == kMaxAuthParameters) {
    return false;
  }
  challenge->parameters.emplace_back(std::move(name), std::move(value));
  SkipWhitespace();
  return rest_.empty() || rest_.front() == ',';
}

bool AuthReader::ReadChallenge(HttpChallenge* challenge) {
  challenge->scheme = std::string(TakeToken());
  if (challenge->scheme.empty()) return false;
  if (rest_.empty() || rest_.front() == ',') return true;
  if (!IsWhitespace(rest_.front())) return false;
  SkipWhitespace();
  if (!rest_.empty() && rest_.front() != ',' && !NextIsParameter()) {
    size_t size = CountFront(rest_, IsToken68Character);
    if (size == 0) return false;
    size += CountFront(rest_.substr(size), [](char c) { return c == '='; });
    challenge->token68 = std::string(rest_.substr(0, size));
    rest_.remove_prefix(size);
    SkipWhitespace();
    return rest_.empty() || rest_.front() == ',';
  }
  while (true) {
    // What follows a comma is a parameter of this challenge, or the next one's
    // scheme.
    const std::string_view before = rest_;
    SkipCommas();
    if (!NextIsParameter()) {
      rest_ = before;
      return true;
    }
    if (!ReadParameter(challenge)) return false;
  }
}

std::optional<std::string_view> FindParameter(const HttpChallenge& challenge,
                                              std::string_view name) {
  for (const auto& [key, value] : challenge.parameters) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string QuoteAuthValue(std::string_view text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

}  // namespace bestow
