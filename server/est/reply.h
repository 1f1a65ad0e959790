// HTTP replies of EST, in the spelling that the most clients take.
#ifndef SERVER_EST_REPLY_H_
#define SERVER_EST_REPLY_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/net/http_message.h"

namespace bestow::server {

// 200 with an EST body, which is base64 always (RFC 8951).
HttpResponse EstReply(std::string_view content_type, std::string body);

// What the table says of `refusal`: a line of text/plain, but an empty body and
// the challenge for 401, Allow for 405, Retry-After for 503.
HttpResponse ErrorReply(const absl::Status& refusal, std::string_view realm,
                        std::string_view allowed_methods);

// One line: control characters escaped, cut at some hundred characters. For
// reasons and log fields, which can hold what a client sent.
std::string OneLine(std::string_view text);

}  // namespace bestow::server

#endif  // SERVER_EST_REPLY_H_
