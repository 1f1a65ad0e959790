#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/ocsp/ocsp_request.h"

namespace bestow {
namespace {

// What reads is written in the same octets, and a GET carries it.
void Fuzz(ByteView data) {
  const absl::StatusOr<OcspRequest> value = ParseOcspRequestDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(*SerializeOcspRequestDer(*value) == ToBytes(data));
  const std::string get = EncodeOcspGet(data);
  if (get.size() <= kMaxOcspGetBytes) {
    CHECK(*DecodeOcspGet(get) == ToBytes(data));
  }
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
