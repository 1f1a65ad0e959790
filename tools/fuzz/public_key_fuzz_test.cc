#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/crypto/public_key.h"

namespace bestow {
namespace {

// A key that is strong enough has an identifier; a verdict is one of two.
void Fuzz(ByteView data) {
  const absl::Status status = CheckPublicKeyStrength(data);
  if (!status.ok()) {
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(!status.message().empty());
    return;
  }
  CHECK(KeyIdentifier(data).size() == 20u);
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
