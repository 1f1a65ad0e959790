#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/pki/pkcs10.h"

namespace bestow {
namespace {

// What reads is written from its parts in the same octets.
void Fuzz(ByteView data) {
  absl::StatusOr<Pkcs10Request> value = ParsePkcs10Der(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  const absl::Status signature = VerifyPkcs10Signature(*value);
  CHECK(signature.ok() ||
        signature.code() == absl::StatusCode::kPermissionDenied ||
        signature.code() == absl::StatusCode::kInvalidArgument);
  value->der.clear();
  value->info_der.clear();
  CHECK(*SerializePkcs10Der(*value) == ToBytes(data));
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
