#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/ocsp/ocsp_request.h"

namespace bestow {
namespace {

// What reads is carried by the escaped form as well.
void Fuzz(ByteView data) {
  const absl::StatusOr<Bytes> value = DecodeOcspGet(AsText(data));
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  const std::string escaped = EncodeOcspGet(*value);
  if (escaped.size() <= kMaxOcspGetBytes) {
    CHECK(*DecodeOcspGet(escaped) == *value);
  }
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
