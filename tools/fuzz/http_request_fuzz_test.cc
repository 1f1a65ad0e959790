#include <cstddef>
#include <cstdint>
#include <vector>

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

struct Outcome {
  std::vector<HttpRequest> requests;
  HttpParsePhase phase;
};

Outcome Parse(ByteView data, size_t step) {
  const HttpLimits limits = SmallLimits();
  HttpRequestParser parser(limits);
  Outcome out;
  while (!data.empty()) {
    const ByteView piece = data.subspan(0, step);
    data.remove_prefix(piece.size());
    parser.Feed(piece);
    parser.TakeExpectsContinue();
    while (parser.phase() == HttpParsePhase::kDone) {
      out.requests.push_back(parser.TakeRequest());
      CHECK_LE(out.requests.back().headers.size(), limits.header_count);
      CHECK_LE(out.requests.back().body.size(), limits.body_bytes);
      parser.Resume();
    }
  }
  out.phase = parser.phase();
  if (out.phase == HttpParsePhase::kRefused) {
    CHECK_GE(parser.refusal().status, 400);
    CHECK(!parser.refusal().reason.empty());
  }
  return out;
}

// The requests do not depend on how the bytes come. (A malformed one that is
// not whole may be refused now or later.)
void Fuzz(ByteView data) {
  const Outcome whole = Parse(data, data.size() + 1);
  const Outcome pieces = Parse(data, 1);
  CHECK_EQ(whole.requests.size(), pieces.requests.size());
  for (size_t i = 0; i < whole.requests.size(); ++i) {
    CHECK(whole.requests[i].method == pieces.requests[i].method);
    CHECK(whole.requests[i].target == pieces.requests[i].target);
    CHECK(whole.requests[i].headers == pieces.requests[i].headers);
    CHECK(whole.requests[i].body == pieces.requests[i].body);
  }
  if (whole.phase != HttpParsePhase::kRefused &&
      pieces.phase != HttpParsePhase::kRefused) {
    CHECK(whole.phase == pieces.phase);
  }
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
