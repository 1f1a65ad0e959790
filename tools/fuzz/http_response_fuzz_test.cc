#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/net/http_parser.h"

namespace bestow {
namespace {

HttpLimits SmallLimits() {
  HttpLimits limits;
  limits.header_bytes = 512;
  limits.header_count = 8;
  limits.body_bytes = 256;
  return limits;
}

std::optional<HttpResponse> Parse(ByteView data, size_t step, bool head) {
  HttpResponseParser parser(SmallLimits());
  parser.Expect(head);
  absl::Status status;
  while (!data.empty() && status.ok() &&
         parser.phase() != HttpParsePhase::kDone) {
    const ByteView piece = data.subspan(0, step);
    data.remove_prefix(piece.size());
    status = parser.Feed(piece);
  }
  if (status.ok()) status = parser.FeedEnd();
  // An error iff no response.
  CHECK(status.ok() == (parser.phase() == HttpParsePhase::kDone));
  if (!status.ok()) return std::nullopt;
  HttpResponse response = parser.TakeResponse();
  CHECK_GE(response.status, 200);
  CHECK_LE(response.body.size(), SmallLimits().body_bytes);
  if (head) CHECK(response.body.empty());
  return response;
}

// The response does not depend on how the bytes come.
void Fuzz(ByteView data) {
  for (bool head : {false, true}) {
    const auto whole = Parse(data, data.size() + 1, head);
    const auto pieces = Parse(data, 1, head);
    CHECK_EQ(whole.has_value(), pieces.has_value());
    if (!whole) continue;
    CHECK_EQ(whole->status, pieces->status);
    CHECK(whole->headers == pieces->headers);
    CHECK(whole->body == pieces->body);
    CHECK_EQ(whole->close, pieces->close);
  }
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
