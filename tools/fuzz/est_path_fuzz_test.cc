#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/est/protocol.h"

namespace bestow {
namespace {

// A path that is taken is the one that its target gives.
void Fuzz(ByteView data) {
  const auto target = est::ParsePath(AsText(data));
  est::MediaTypeIs(AsText(data), est::kPkcs10MediaType);
  if (!target.has_value()) return;
  CHECK(est::FormatPath(target->operation, target->label, target->argument) ==
        AsText(data));
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
