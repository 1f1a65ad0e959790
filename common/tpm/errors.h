// The one funnel from TSS2_RC to absl::Status, with what to do about it.
#ifndef COMMON_TPM_ERRORS_H_
#define COMMON_TPM_ERRORS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace bestow {

// What the caller can do about a failed TPM operation. docs/TPM.md lists which
// return code leads to which.
enum class TpmAction {
  kRetry,         // the TPM is busy for a moment: the same command again
  kStartOver,     // what was loaded is gone: the whole call again
  kUnreachable,   // no TPM answers there: mend the TCTI, try again later
  kFreeMemory,    // its slots are full: try again later, others must let go
  kLockedOut,     // dictionary attack lockout: wait, or clear the lockout
  kNeedsRestart,  // not started, failed, or being upgraded: restart the machine
  kNoRoot,        // the storage root can't be used: provision it
  kWrongAuth,     // the key's password is wrong: mend the config
  kKeyLost,       // this TPM can't load the key any more: make a new one
  kUnsupported,   // this TPM has no such keys: ask for another type
  kGiveUp,        // trying the same again won't help
};

TpmAction TpmActionForCode(uint32_t rc);

// `rc` of a response without the number of the parameter, handle or session
// that it is about (TPM 2.0 Part 2, 6.6.2), and without the layer that passed
// it on. Codes of other layers than the TPM and its resource manager come back
// as they are.
uint32_t BareTpmCode(uint32_t rc);

// True for the codes that TPM2_SelfTest() helps against (Part 3, 10.1).
bool TpmWantsSelfTest(uint32_t rc);

// True when a TPM that was asked whether it knows a kind of key
// (TPM2_TestParms) says by `rc` that it does not.
bool TpmLacksParameters(uint32_t rc);

// `what` says what was tried ("make the key"), `tcti` where. The message says
// both, the TPM's own words, and what to do. Codes: kRetry, kStartOver and
// kUnreachable kUnavailable, kFreeMemory kResourceExhausted, kLockedOut
// kPermissionDenied, kWrongAuth kPermissionDenied, kNeedsRestart and kNoRoot
// kFailedPrecondition, kKeyLost kNotFound, kUnsupported kUnimplemented, kGiveUp
// kInternal. rc 0 is OK.
absl::Status TpmError(uint32_t rc, std::string_view what,
                      std::string_view tcti);

// A status that no return code led to, such as a malformed key file.
absl::Status TpmStatus(TpmAction action, std::string_view message);

// The action that TpmError or TpmStatus attached; kGiveUp for other errors.
TpmAction TpmActionOf(const absl::Status& status);

// When it makes sense to ask again: of a lockout, in time for the TPM to have
// forgiven one failure. nullopt when nobody said.
void SetTpmRetryAfter(absl::Status* status, absl::Duration delay);
std::optional<absl::Duration> TpmRetryAfterOf(const absl::Status& status);

}  // namespace bestow

#endif  // COMMON_TPM_ERRORS_H_
