#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/crypto/key_type.h"
#include "server/est/requested_key.h"

namespace bestow {
namespace {

// Whatever is a key of a type that the server makes is asked for as that type;
// a verdict is one of two.
void Fuzz(ByteView data) {
  const absl::StatusOr<KeyType> asked = server::RequestedKeyType(data);
  if (!asked.ok()) {
    CHECK(asked.status().code() == absl::StatusCode::kInvalidArgument);
  }
  const absl::StatusOr<KeyType> real = KeyTypeOfSpki(data);
  if (real.ok() && *real != KeyType::kEd25519) CHECK(*asked == *real);
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
