#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/log/check.h"
#include "absl/status/status.h"
#include "common/base/bytes.h"
#include "server/admin/json.h"

namespace bestow::server {
namespace {

void Fuzz(ByteView data) {
  const auto value = ParseJson(AsText(data));
  if (!value.ok()) {
    CHECK(absl::IsInvalidArgument(value.status()));
    return;
  }
  const std::string line = JsonLine(*value);
  CHECK(line.find('\n') == std::string::npos);
  const auto again = ParseJson(line, line.size());
  CHECK(again.ok());
  CHECK(JsonLine(*again) == line);
  // Of whatever it is: nothing throws.
  (void)TextOf(*value, "operation");
  (void)IsTrue(*value, "operation");
  (void)NumberOf(*value, "operation");
}

}  // namespace
}  // namespace bestow::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::server::Fuzz(bestow::ByteView(data, size));
  return 0;
}
