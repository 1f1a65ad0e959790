#include "common/net/http_writer.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace bestow {
namespace {

constexpr char kUserAgent[] = "bestow";

void AppendHeader(std::string_view name, std::string_view value,
                  std::string* out) {
  const size_t begin = out->size();
  absl::StrAppend(out, name, ": ", value);
  std::replace_if(
      out->begin() + begin, out->end(),
      [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; },
      ' ');
  absl::StrAppend(out, "\r\n");
}

bool IsOneOf(std::string_view name,
             std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view other) {
    return absl::EqualsIgnoreCase(name, other);
  });
}

}  // namespace

std::string SerializeHttpResponse(const HttpResponse& response,
                                  const HttpReplyContext& context) {
  const bool bodiless = response.status == 204 || response.status == 304;
  std::string out = absl::StrCat("HTTP/1.1 ", response.status, " ",
                                 HttpReasonPhrase(response.status), "\r\n");
  AppendHeader("Date",
               absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", context.now,
                                absl::UTCTimeZone()),
               &out);
  for (const auto& [name, value] : response.headers) {
    // These are the connection's to say.
    if (IsOneOf(name, {"Date", "Content-Length", "Transfer-Encoding",
                       "Connection"})) {
      continue;
    }
    AppendHeader(name, value, &out);
  }
  if (!bodiless) {
    AppendHeader("Content-Length", absl::StrCat(response.body.size()), &out);
  }
  if (context.close) AppendHeader("Connection", "close", &out);
  absl::StrAppend(&out, "\r\n");
  if (!bodiless && !context.head_request) out += response.body;
  return out;
}

std::string SerializeHttpRequest(const HttpRequest& request,
                                 const std::string& authority) {
  std::string out =
      absl::StrCat(request.method, " ", request.target, " HTTP/1.1\r\n");
  AppendHeader("Host", authority, &out);
  if (!FindHeader(request.headers, "User-Agent")) {
    AppendHeader("User-Agent", kUserAgent, &out);
  }
  for (const auto& [name, value] : request.headers) {
    if (IsOneOf(name, {"Host", "Content-Length", "Transfer-Encoding"})) {
      continue;
    }
    AppendHeader(name, value, &out);
  }
  if (!request.body.empty() || request.method == "POST" ||
      request.method == "PUT") {
    AppendHeader("Content-Length", absl::StrCat(request.body.size()), &out);
  }
  absl::StrAppend(&out, "\r\n", request.body);
  return out;
}

}  // namespace bestow
