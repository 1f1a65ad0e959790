#include "common/tpm/parent.h"

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "common/tpm/tpm.h"

namespace bestow {

absl::StatusOr<uint32_t> ParseTpmParent(std::string_view text) {
  if (text == "template") return kParentOwner;
  uint32_t handle;
  std::string_view digits = text;
  if (!absl::ConsumePrefix(&digits, "0x") || digits.size() != 8 ||
      !absl::SimpleHexAtoi(digits, &handle) || !IsPersistentParent(handle)) {
    return absl::InvalidArgumentError(
        "must be \"template\", or the persistent handle of a storage key from "
        "\"0x81000000\" to \"0x817fffff\"");
  }
  return handle;
}

}  // namespace bestow
