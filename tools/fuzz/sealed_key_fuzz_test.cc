#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "agent/server_key/sealed_key.h"
#include "common/base/bytes.h"

namespace bestow::agent {
namespace {

// What reads is written from its parts in the same octets.
void Fuzz(ByteView data) {
  const absl::StatusOr<SealedKey> value = ParseSealedKeyDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(ByteView(*SerializeSealedKeyDer(*value)) == data);
}

}  // namespace
}  // namespace bestow::agent

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::agent::Fuzz(bestow::ByteView(data, size));
  return 0;
}
