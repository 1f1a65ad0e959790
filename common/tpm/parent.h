// How a config names a storage root.
#ifndef COMMON_TPM_PARENT_H_
#define COMMON_TPM_PARENT_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace bestow {

// "template": kParentOwner. "0x81000001": a persistent handle of the owner's,
// in eight hex digits. kInvalidArgument: anything else.
absl::StatusOr<uint32_t> ParseTpmParent(std::string_view text);

}  // namespace bestow

#endif  // COMMON_TPM_PARENT_H_
