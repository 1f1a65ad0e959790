// HTTP/1.1 messages (RFC 9110, 9112) as values.
#ifndef COMMON_NET_HTTP_MESSAGE_H_
#define COMMON_NET_HTTP_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace bestow {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;
// The first of that name, without regard to case.
std::optional<std::string> FindHeader(const HttpHeaders& headers,
                                      std::string_view name);

struct HttpRequest {
  std::string method;
  // As sent: "/.well-known/est/cacerts". A server's, when sent with scheme and
  // host, is reduced to this form (RFC 9112 3.2.2).
  std::string target;
  HttpHeaders headers;
  std::string body;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;  // Content-Length and Connection are added
  std::string body;
  bool close = false;  // end the connection after it
  // The body holds a key: the server cleanses it, and its copies, once written.
  bool is_secret = false;
};

// A one-line text/plain reason for `status`; ends the connection unless the
// caller says otherwise.
HttpResponse HttpErrorResponse(int status, std::string_view reason);
// "Not Found"; "Unknown" for what RFC 9110 does not name.
std::string_view HttpReasonPhrase(int status);

// Every limit has its unit. The defaults are a device's; a server sets its own.
struct HttpLimits {
  size_t header_bytes = 8 * 1024;
  size_t header_count = 64;
  size_t body_bytes = 64 * 1024;
  size_t requests_per_connection = 100;
  // Total for the phase, not per read.
  absl::Duration handshake_timeout = absl::Seconds(15);
  absl::Duration header_timeout = absl::Seconds(10);
  absl::Duration body_timeout = absl::Seconds(20);
  absl::Duration reply_timeout = absl::Seconds(30);  // to have it all written
  absl::Duration idle_timeout = absl::Seconds(30);
};

}  // namespace bestow

#endif  // COMMON_NET_HTTP_MESSAGE_H_
