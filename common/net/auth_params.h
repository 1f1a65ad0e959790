// The syntax that challenges and credentials share (RFC 9110 11.2, 5.6);
// private to http_auth.
#ifndef COMMON_NET_AUTH_PARAMS_H_
#define COMMON_NET_AUTH_PARAMS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/http_auth.h"

namespace bestow {

inline constexpr size_t kMaxAuthBytes = 8 * 1024;
inline constexpr size_t kMaxAuthChallenges = 16;
inline constexpr size_t kMaxAuthParameters = 16;

// A cursor over one header's value.
class AuthReader {
 public:
  explicit AuthReader(std::string_view text) : rest_(text) {}

  // Empty list elements are taken for nothing (RFC 9110 5.6.1.2).
  void SkipCommas();
  bool empty() const { return rest_.empty(); }
  // One challenge, or credentials, up to the next one's scheme. False when it
  // is not of the grammar.
  [[nodiscard]] bool ReadChallenge(HttpChallenge* challenge);

 private:
  void SkipWhitespace();
  std::string_view TakeToken();
  bool TakeQuoted(std::string* value);
  // True when a token, "=" and a value of its own are next.
  bool NextIsParameter() const;
  bool ReadParameter(HttpChallenge* challenge);

  std::string_view rest_;
};

// The value of a parameter; nullopt without it.
std::optional<std::string_view> FindParameter(const HttpChallenge& challenge,
                                              std::string_view name);
// `text` as quoted-string.
std::string QuoteAuthValue(std::string_view text);

}  // namespace bestow

#endif  // COMMON_NET_AUTH_PARAMS_H_
