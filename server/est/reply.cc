#include "server/est/reply.h"

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/est/status_table.h"

namespace bestow::server {
namespace {
constexpr size_t kMaxReasonBytes = 400;
// A queue that is full now is empty within seconds.
constexpr absl::Duration kRetryAfterBusy = absl::Seconds(5);

void AddRetryAfter(HttpHeaders& headers, absl::Duration after) {
  headers.emplace_back("Retry-After",
                       absl::StrCat(absl::ToInt64Seconds(after)));
}
}  // namespace

HttpResponse EstReply(std::string_view content_type, std::string body) {
  HttpResponse response;
  response.headers = {{"Content-Type", std::string(content_type)},
                      // RFC 8951 3: no recipient needs it, but one in the
                      // field decodes only with it.
                      {"Content-Transfer-Encoding", "base64"}};
  response.body = std::move(body);
  return response;
}

HttpResponse AcceptedReply(absl::Duration retry_after) {
  HttpResponse response;
  response.status = 202;
  AddRetryAfter(response.headers, retry_after);
  return response;
}

HttpResponse ErrorReply(const absl::Status& refusal,
                        const std::vector<std::string>& challenges,
                        std::string_view allowed_methods) {
  HttpResponse response;
  response.status = RowOf(ProblemOf(refusal)).http_status;
  if (response.status == 401) {
    // The first headers of the reply, for readers that look at one only.
    for (const std::string& challenge : challenges) {
      response.headers.emplace_back("WWW-Authenticate", challenge);
    }
    return response;
  }
  response.headers = {{"Content-Type", "text/plain; charset=utf-8"}};
  if (response.status == 405) {
    response.headers.emplace_back("Allow", allowed_methods);
  }
  if (response.status == 429 || response.status == 503) {
    AddRetryAfter(response.headers,
                  RetryAfterOf(refusal).value_or(kRetryAfterBusy));
  }
  response.body = absl::StrCat(OneLine(refusal.message()), "\n");
  return response;
}

std::string OneLine(std::string_view text) {
  const bool cut = text.size() > kMaxReasonBytes;
  // Quotes stay: \" in a sentence helps nobody.
  std::string out;
  for (char c : text.substr(0, kMaxReasonBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppend(&out, "\\x", absl::Hex(byte, absl::kZeroPad2));
    } else {
      out.push_back(c);
    }
  }
  if (cut) absl::StrAppend(&out, "...");
  return out;
}

}  // namespace bestow::server
