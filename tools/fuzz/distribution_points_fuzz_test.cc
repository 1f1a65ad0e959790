#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/pki/distribution_points.h"

namespace bestow {
namespace {

// What reads is written in the same octets.
void Fuzz(ByteView data) {
  const auto value = ParseDistributionPoints(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(*SerializeDistributionPoints(*value) == ToBytes(data));
  for (const DistributionPoint& point : *value) {
    IssuingDistributionPoint scope;
    scope.full_name = point.full_name;
    scope.relative_name = point.relative_name;
    scope.only_some_reasons = point.reasons;
    const auto der = SerializeIssuingDistributionPoint(scope);
    if (der.ok()) CHECK(*ParseIssuingDistributionPoint(*der) == scope);
  }
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
