#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/pki/authority_info_access.h"

namespace bestow {
namespace {

// What reads is written in the same octets.
void Fuzz(ByteView data) {
  const auto value = ParseAuthorityInfoAccess(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(*SerializeAuthorityInfoAccess(*value) == ToBytes(data));
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
