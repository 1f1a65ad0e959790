#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/est/transfer_encoding.h"

namespace bestow {
namespace {

// Whatever decodes, decodes to the same from what we write; and any octets come
// back from their encoding.
void Fuzz(ByteView data) {
  using est::LineWrap;
  for (LineWrap wrap : {LineWrap::kAuto, LineWrap::kNever, LineWrap::kAlways}) {
    CHECK(*est::DecodeBody(est::EncodeBody(data, wrap)) == ToBytes(data));
  }
  const absl::StatusOr<Bytes> value = est::DecodeBody(AsText(data));
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  // But for white space there is one encoding of a value.
  std::string packed;
  for (const char c : AsText(data)) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') packed.push_back(c);
  }
  packed.push_back('\n');
  CHECK(est::EncodeBody(*value, LineWrap::kNever) == packed);
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
