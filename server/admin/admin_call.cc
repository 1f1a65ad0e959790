#include "server/admin/admin_call.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr char kTarget[] = "/operation";
constexpr char kJsonType[] = "application/json";
constexpr int kUnprocessable = 422;
constexpr size_t kMaxOperationName = 64;

}  // namespace

HttpRequest RequestOf(const AdminCall& call) {
  HttpRequest request;
  request.method = "POST";
  request.target = kTarget;
  request.headers = {{"Content-Type", kJsonType}, {"Connection", "close"}};
  request.body = absl::StrCat(JsonLine(Json{{"operation", call.operation},
                                            {"arguments", call.arguments}}),
                              "\n", call.secret.text());
  return request;
}

absl::StatusOr<AdminCall> CallOf(const HttpRequest& request) {
  if (request.method != "POST" || request.target != kTarget) {
    return absl::InvalidArgumentError("POST /operation is all there is");
  }
  const std::string_view body = request.body;
  const size_t end = body.find('\n');
  if (end == std::string_view::npos) {
    return absl::InvalidArgumentError("no line of JSON");
  }
  absl::StatusOr<Json> line = ParseJson(body.substr(0, end));
  if (!line.ok()) return line.status();
  AdminCall call;
  call.operation = TextOf(*line, "operation");
  const auto arguments =
      line->is_object() ? line->find("arguments") : line->end();
  if (call.operation.empty() || call.operation.size() > kMaxOperationName ||
      arguments == line->end() || !arguments->is_object()) {
    return absl::InvalidArgumentError(
        "the JSON needs an operation, a text, and arguments, an object");
  }
  call.arguments = *arguments;
  call.secret = Secret(body.substr(end + 1));
  return call;
}

HttpResponse ResponseOf(const absl::StatusOr<Json>& answer) {
  HttpResponse response;
  response.headers = {{"Content-Type", kJsonType}};
  response.close = true;
  if (answer.ok()) {
    response.body = JsonLine(*answer);
  } else {
    response.status = kUnprocessable;
    response.body =
        JsonLine(Json{{"code", static_cast<int>(answer.status().code())},
                      {"message", std::string(answer.status().message())}});
  }
  return response;
}

absl::StatusOr<Json> AnswerOf(const HttpResponse& response) {
  if (response.status != 200 && response.status != kUnprocessable) {
    return absl::InternalError(absl::StrCat(
        "the server answers ", response.status, ": ", response.body));
  }
  absl::StatusOr<Json> body = ParseJson(response.body, kMaxAnswerBytes);
  if (!body.ok()) return absl::InternalError("the server's answer is no JSON");
  if (response.status == 200) return body;
  const int64_t code = NumberOf(*body, "code").value_or(0);
  if (code <= 0 || code > 16) {
    return absl::InternalError("the server's answer names no status");
  }
  return absl::Status(static_cast<absl::StatusCode>(code),
                      TextOf(*body, "message"));
}

}  // namespace bestow::server
