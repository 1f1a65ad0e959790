#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/pki/name.h"
#include "common/pki/name_constraints.h"

namespace bestow {
namespace {

// What reads is written in the same octets.
void Fuzz(ByteView data) {
  const auto value = ParseNameConstraints(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(*SerializeNameConstraints(*value) == ToBytes(data));
  CheckNameConstraints(
      *value, *Name::FromCommonName("gw-17"),
      {*GeneralName::Dns("gw-17.example"), *GeneralName::Ip("192.0.2.1"),
       *GeneralName::FromText("email:a@b.example"),
       *GeneralName::FromText("uri:https://a.example/x")})
      .IgnoreError();
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
