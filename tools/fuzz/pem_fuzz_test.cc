#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/pki/pem.h"

namespace bestow {
namespace {

// What reads, reads the same from what we write.
void Fuzz(ByteView data) {
  const auto blocks = ParsePem(AsText(data), 8);
  if (!blocks.ok()) {
    CHECK(blocks.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  std::string written;
  for (const PemBlock& block : *blocks) {
    written += SerializePem(block.label, block.content);
  }
  const auto back = ParsePem(written, 8);
  CHECK(back.ok() && back->size() == blocks->size());
  for (size_t i = 0; i < back->size(); ++i) {
    CHECK((*back)[i].label == (*blocks)[i].label);
    CHECK((*back)[i].content == (*blocks)[i].content);
  }
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
