// One call of an operation, and its answer, as they go through the admin
// socket: HTTP/1.1, a POST of JSON, behind which a secret may stand.
#ifndef SERVER_ADMIN_ADMIN_CALL_H_
#define SERVER_ADMIN_ADMIN_CALL_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/secret.h"
#include "common/net/http_message.h"
#include "server/admin/json.h"

namespace bestow::server {

struct AdminCall {
  std::string operation;  // "certificates list"
  Json arguments = Json::object();
  // What the tool read from a file, or made: a password, a key. Never JSON,
  // whose values nobody cleanses.
  Secret secret;
  std::string actor;  // who asks; not sent, the server knows it
};

// What a request and a reply may have, in octets.
inline constexpr size_t kMaxCallBytes = 256 * 1024;
inline constexpr size_t kMaxAnswerBytes = 64 * 1024 * 1024;

HttpRequest RequestOf(const AdminCall& call);
// kInvalidArgument: it is no call.
absl::StatusOr<AdminCall> CallOf(const HttpRequest& request);

HttpResponse ResponseOf(const absl::StatusOr<Json>& answer);
// The answer, or the status that the operation ended with; kInternal when it is
// none.
absl::StatusOr<Json> AnswerOf(const HttpResponse& response);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_ADMIN_CALL_H_
