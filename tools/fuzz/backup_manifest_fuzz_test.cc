#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "absl/status/status.h"
#include "common/base/bytes.h"
#include "server/backup/manifest.h"

namespace bestow::server {
namespace {

void Fuzz(ByteView data) {
  const auto manifest = ParseManifest(AsText(data));
  if (!manifest.ok()) {
    CHECK(absl::IsInvalidArgument(manifest.status()) ||
          absl::IsUnimplemented(manifest.status()));
    return;
  }
  const auto written = SerializeManifest(*manifest);
  CHECK(written.ok());
  CHECK(*written == AsText(data));
}

}  // namespace
}  // namespace bestow::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::server::Fuzz(bestow::ByteView(data, size));
  return 0;
}
