#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/cms/key_package.h"

namespace bestow::cms {
namespace {

// What reads is written in the same octets.
void Fuzz(ByteView data) {
  const absl::StatusOr<Secret> key = ParseAsymmetricKeyPackageDer(data);
  if (!key.ok()) {
    CHECK(key.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  const absl::StatusOr<Secret> back =
      SerializeAsymmetricKeyPackageDer(key->bytes());
  CHECK(back.ok());
  CHECK(back->bytes() == data);
}

}  // namespace
}  // namespace bestow::cms

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::cms::Fuzz(bestow::ByteView(data, size));
  return 0;
}
