#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/est/renewal_info.h"

namespace bestow {
namespace {

// What reads is written in the same characters.
void Fuzz(ByteView data) {
  const auto key = est::ParseRenewalInfoId(AsText(data));
  if (!key.ok()) {
    CHECK(key.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(est::RenewalInfoId(key->authority_key_id, key->serial) == AsText(data));
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
