#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/est/multipart.h"

namespace bestow {
namespace {

// What reads is written in the same octets.
void Fuzz(ByteView data) {
  for (const std::string_view boundary : {"b", "estServerExampleBoundary"}) {
    const absl::StatusOr<est::Multipart> message =
        est::ParseMultipart(AsText(data), boundary);
    if (!message.ok()) continue;
    CHECK(*est::SerializeMultipart(*message, boundary) == AsText(data));
    for (const est::MultipartPart& part : message->parts) {
      est::FindHeader(part, "Content-Type");
    }
  }
  const absl::StatusOr<std::string> boundary = est::ParseBoundary(AsText(data));
  CHECK(!boundary.ok() || !boundary->empty());
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
