// HTTP replies of EST, in the spelling that the most clients take.
#ifndef SERVER_EST_REPLY_H_
#define SERVER_EST_REPLY_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/net/http_message.h"

namespace bestow::server {

// 200 with an EST body, which is base64 always (RFC 8951).
HttpResponse EstReply(std::string_view content_type, std::string body);

// RFC 7030 4.2.3: accepted, and to be asked for again after `retry_after`. The
// body is empty. RFC 9110 10.2.3 lets Retry-After be a date too; a client in
// the field reads seconds only.
HttpResponse AcceptedReply(absl::Duration retry_after);

// What the table says of `refusal`: a line of text/plain, but an empty body and
// the challenges for 401 (one header each, in this order), Allow for 405,
// Retry-After for 429 and 503.
HttpResponse ErrorReply(const absl::Status& refusal,
                        const std::vector<std::string>& challenges,
                        std::string_view allowed_methods);

// One line: control characters escaped, cut at some hundred characters. For
// reasons and log fields, which can hold what a client sent.
std::string OneLine(std::string_view text);

}  // namespace bestow::server

#endif  // SERVER_EST_REPLY_H_
