// The one funnel from TSS2_RC to absl::Status, with what to do about it.
#ifndef COMMON_TPM_ERRORS_H_
#define COMMON_TPM_ERRORS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace bestow {

// What the caller can do about a failed TPM operation.
enum class TpmAction {
  kRetry,        // the TPM is busy for a moment: the same call again
  kUnreachable,  // no TPM answers there: mend the TCTI, try again later
  kFreeMemory,   // its slots are full: try again later, others must let go
  kLockedOut,    // dictionary attack lockout: wait, or clear the lockout
  kKeyLost,      // this TPM can't load the key any more: make a new one
  kUnsupported,  // this TPM has no such keys: ask for another type
  kGiveUp,       // trying the same again won't help
};

TpmAction TpmActionForCode(uint32_t rc);

// True when a TPM that was asked whether it knows a kind of key
// (TPM2_TestParms) says by `rc` that it does not.
bool TpmLacksParameters(uint32_t rc);

// `what` says what was tried ("make the key"), `tcti` where. The message says
// both, the TPM's own words, and what to do. Codes: kRetry and kUnreachable
// kUnavailable, kFreeMemory kResourceExhausted, kLockedOut kPermissionDenied,
// kKeyLost kNotFound, kUnsupported kUnimplemented, kGiveUp kInternal. rc 0 is
// OK.
absl::Status TpmError(uint32_t rc, std::string_view what,
                      std::string_view tcti);

// A status that no return code led to, such as a malformed key file.
absl::Status TpmStatus(TpmAction action, std::string_view message);

// The action that TpmError or TpmStatus attached; kGiveUp for other errors.
TpmAction TpmActionOf(const absl::Status& status);

}  // namespace bestow

#endif  // COMMON_TPM_ERRORS_H_
