// A name and a secret, shown as the server's challenge asks (RFC 7617, 7616).
#ifndef COMMON_EST_CLIENT_HTTP_LOGIN_H_
#define COMMON_EST_CLIENT_HTTP_LOGIN_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/secret.h"
#include "common/net/http_auth.h"
#include "common/net/http_message.h"

namespace bestow {

// Shows nothing before it is asked; then answers the strongest challenge that
// it knows: Digest with SHA-256, Digest with MD5, Basic. Once asked, it
// answers later requests without being asked again. For the requests of one
// attempt to one server, one after the other. The caller sees to it that the
// server is trusted first (RFC 7030 3.2.3, 4.1.1).
class HttpLogin {
 public:
  using ReadSecret = std::function<absl::StatusOr<Secret>()>;

  // `read_secret` is asked when the secret is needed, which may be never.
  HttpLogin(std::string username, ReadSecret read_secret)
      : username_(std::move(username)), read_secret_(std::move(read_secret)) {}

  // The value of the request's Authorization; "" while nothing was asked for.
  // Errors: read_secret's; a name or secret that Basic can't carry.
  absl::StatusOr<std::string> Authorize(std::string_view method,
                                        std::string_view target);

  // To be told of each reply.
  void TakeReply(int status, const HttpHeaders& headers);

  // The last reply was a 401, and the same request with Authorize() says what
  // was not said before: there is a challenge that was not answered yet, or
  // the nonce was stale. False when the server refused what it was told.
  bool has_answer() const { return has_answer_; }

 private:
  absl::StatusOr<std::string> AnswerDigest(std::string_view method,
                                           std::string_view target);

  struct Basic {};
  const std::string username_;
  const ReadSecret read_secret_;
  std::variant<std::monostate, Basic, DigestChallenge> chosen_;
  uint32_t nonce_count_ = 0;
  bool answered_ = false;  // the request before this reply
  bool has_answer_ = false;
  int stale_in_a_row_ = 0;
};

}  // namespace bestow

#endif  // COMMON_EST_CLIENT_HTTP_LOGIN_H_
