#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/ocsp/ocsp_response.h"

namespace bestow {
namespace {

// What reads is written in the same octets; what it says can be said again.
void Fuzz(ByteView data) {
  const absl::StatusOr<OcspResponse> value = ParseOcspResponseDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(*SerializeOcspResponseDer(*value) == ToBytes(data));
  if (value->status == OcspResponseStatus::kSuccessful) {
    const absl::Status status =
        SerializeOcspResponseDataDer(value->data).status();
    CHECK(status.ok() || status.code() == absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
