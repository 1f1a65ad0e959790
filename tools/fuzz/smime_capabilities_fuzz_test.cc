#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/cms/smime_capabilities.h"

namespace bestow::cms {
namespace {

// What reads is written in the same octets, and a choice is made or refused.
void Fuzz(ByteView data) {
  const absl::StatusOr<SmimeCapabilities> value =
      ParseSmimeCapabilitiesDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  const absl::StatusOr<Bytes> back = SerializeSmimeCapabilitiesDer(*value);
  CHECK(back.ok());
  CHECK(*back == ToBytes(data));
  for (size_t size : {16, 24, 32}) {
    const absl::StatusOr<EnvelopeAlgorithms> chosen =
        ChooseForKek(&*value, size);
    CHECK(chosen.ok() ||
          chosen.status().code() == absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace bestow::cms

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::cms::Fuzz(bestow::ByteView(data, size));
  return 0;
}
