#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/est/renewal_info.h"

namespace bestow {
namespace {

// What reads has a window, and is written so that it reads the same, but for
// fractions of seconds.
void Fuzz(ByteView data) {
  const auto info = est::ParseRenewalInfoJson(AsText(data));
  if (!info.ok()) {
    CHECK(info.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(info->start < info->end);
  const auto again =
      est::ParseRenewalInfoJson(est::SerializeRenewalInfoJson(*info));
  if (info->end - info->start < absl::Seconds(1)) return;
  CHECK(again.ok());
  CHECK(again->explanation_url == info->explanation_url);
  CHECK(info->start - again->start < absl::Seconds(1));
  CHECK(info->end - again->end < absl::Seconds(1));
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
