#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/pki/name.h"

namespace bestow {
namespace {

// A name keeps its octets, and its text is one that reads back to itself.
void Fuzz(ByteView data) {
  const absl::StatusOr<Name> name = Name::ParseDer(data);
  const absl::StatusOr<Name> from_text = Name::FromText(AsText(data));
  if (from_text.ok()) {
    CHECK(*Name::ParseDer(from_text->der()) == *from_text);
    CHECK(*Name::FromText(from_text->ToText()) == *from_text);
  }
  if (!name.ok()) {
    CHECK(name.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(name->der() == ToBytes(data));
  for (const char c : name->ToText()) {
    CHECK(static_cast<uint8_t>(c) >= 0x20 && c != 0x7F);
  }
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
