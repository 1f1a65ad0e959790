#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "server/backup/sealed_stream.h"

namespace bestow::server {
namespace {

void Fuzz(ByteView data) {
  const auto header = ParseSealedHeader(data);
  if (!header.ok()) {
    CHECK(header.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(SerializeSealedHeader(*header) == ToBytes(data));
}

}  // namespace
}  // namespace bestow::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::server::Fuzz(bestow::ByteView(data, size));
  return 0;
}
