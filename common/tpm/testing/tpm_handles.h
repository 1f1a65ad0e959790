// What a TPM holds.
#ifndef COMMON_TPM_TESTING_TPM_HANDLES_H_
#define COMMON_TPM_TESTING_TPM_HANDLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bestow {

// The handles of transient objects and of sessions, loaded and saved
// (TPM2_GetCapability, Part 3, 30.2). Through a resource manager: of this
// connection alone.
absl::StatusOr<std::vector<uint32_t>> LoadedTpmHandles(const std::string& tcti);

// Loads a key that is none of ours and leaves it there, as a program does that
// forgets to flush. The TPM's error when it has no slot left (errors.h).
absl::Status LeaveForeignObject(const std::string& tcti);

}  // namespace bestow

#endif  // COMMON_TPM_TESTING_TPM_HANDLES_H_
