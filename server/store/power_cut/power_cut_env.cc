// Test binaries only: BESTOW_POWER_CUT="hold,early=30" puts the layer of
// power_cut_vfs.h below SQLite, with these options.
#include <cstdlib>

#include "absl/log/check.h"
#include "absl/status/statusor.h"
#include "server/store/power_cut/power_cut_vfs.h"

namespace bestow::server {
namespace {

[[maybe_unused]] const bool g_installed = [] {
  const char* text = getenv("BESTOW_POWER_CUT");
  if (text == nullptr || *text == '\0') return false;
  absl::StatusOr<PowerCutOptions> options = ParsePowerCutOptions(text);
  CHECK(options.ok()) << "BESTOW_POWER_CUT: " << options.status();
  InstallPowerCutVfs(*options);
  return true;
}();

}  // namespace
}  // namespace bestow::server
