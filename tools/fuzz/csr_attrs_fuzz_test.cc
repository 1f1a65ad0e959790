#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/est/csr_attrs.h"

namespace bestow {
namespace {

// What reads is written from its parts in the same octets.
void Fuzz(ByteView data) {
  const absl::StatusOr<est::CsrAttrs> value = est::ParseCsrAttrsDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(*est::SerializeCsrAttrsDer(*value) == ToBytes(data));
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
