#include "common/tpm/errors.h"

#include <tss2/tss2_common.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tpm2_types.h>

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace bestow {
namespace {

constexpr std::string_view kActionPayload = "bestow/tpm-action";
constexpr std::string_view kRetryAfterPayload = "bestow/tpm-retry-after";

constexpr std::string_view kBusy = "the TPM is busy; trying again later";
constexpr std::string_view kGone =
    "the TPM was reset meanwhile, or another program flushed what is not its "
    "own";
constexpr std::string_view kNoMemory =
    "the TPM has no free memory: another program holds its slots; use "
    "device:/dev/tpmrm0, or flush them (tpm2_flushcontext -t)";
constexpr std::string_view kNoSessions =
    "the TPM has no room for a session: another program holds them; use "
    "device:/dev/tpmrm0, or flush them (tpm2_flushcontext -l)";
constexpr std::string_view kOldSessions =
    "saved sessions of another program are too old to go on; flush them "
    "(tpm2_flushcontext -s), or restart the machine";
constexpr std::string_view kLost =
    "this TPM can't load the key: it was made in another TPM, or the TPM was "
    "cleared since; the device must be enrolled again";
constexpr std::string_view kWrongPassword =
    "the TPM refuses the key's password: is key_auth_file what it was when the "
    "key was made? (A storage root's password has to be empty.)";

// What the TPM says, Part 2, 6.6.3; what it means for a caller, Part 1, 37 and
// 38, Part 3, 10.
struct Meaning {
  TSS2_RC code;
  TpmAction action;
  std::string_view advice;
};
constexpr Meaning kMeanings[] = {
    {TPM2_RC_RETRY, TpmAction::kRetry, kBusy},
    {TPM2_RC_YIELDED, TpmAction::kRetry, kBusy},
    {TPM2_RC_CANCELED, TpmAction::kRetry, kBusy},
    {TPM2_RC_TESTING, TpmAction::kRetry,
     "the TPM is testing itself; trying again later"},
    {TPM2_RC_NEEDS_TEST, TpmAction::kRetry,
     "the TPM wants to test itself first, and does not get done; trying again "
     "later"},
    {TPM2_RC_NV_RATE, TpmAction::kRetry,
     "the TPM spares its flash from too many writes; trying again later"},
    {TPM2_RC_NV_UNAVAILABLE, TpmAction::kRetry,
     "the TPM can't write its flash now; trying again later"},
    {TPM2_RC_REFERENCE_H0, TpmAction::kStartOver, kGone},
    {TPM2_RC_REFERENCE_H1, TpmAction::kStartOver, kGone},
    {TPM2_RC_REFERENCE_H2, TpmAction::kStartOver, kGone},
    {TPM2_RC_REFERENCE_S0, TpmAction::kStartOver, kGone},
    {TPM2_RC_REFERENCE_S1, TpmAction::kStartOver, kGone},
    {TPM2_RC_REFERENCE_S2, TpmAction::kStartOver, kGone},
    {TPM2_RC_MEMORY, TpmAction::kFreeMemory, kNoMemory},
    {TPM2_RC_OBJECT_MEMORY, TpmAction::kFreeMemory, kNoMemory},
    {TPM2_RC_OBJECT_HANDLES, TpmAction::kFreeMemory, kNoMemory},
    {TPM2_RC_SESSION_MEMORY, TpmAction::kFreeMemory, kNoSessions},
    {TPM2_RC_SESSION_HANDLES, TpmAction::kFreeMemory, kNoSessions},
    {TPM2_RC_CONTEXT_GAP, TpmAction::kFreeMemory, kOldSessions},
    {TPM2_RC_TOO_MANY_CONTEXTS, TpmAction::kNeedsRestart,
     "the TPM has counted too many saved contexts: restart the machine"},
    {TPM2_RC_LOCKOUT, TpmAction::kLockedOut,
     "the TPM is locked out after failed authorizations: wait, or clear it "
     "with tpm2_dictionarylockout --clear-lockout"},
    {TPM2_RC_INITIALIZE, TpmAction::kNeedsRestart,
     "the firmware did not start the TPM (TPM2_Startup): restart the machine, "
     "and if that does not help look at the TPM in the firmware's settings"},
    {TPM2_RC_FAILURE, TpmAction::kNeedsRestart,
     "the TPM failed its self-test and is out of order until the machine "
     "restarts; if it does so again, the chip is broken (tpm2_gettestresult)"},
    {TPM2_RC_REBOOT, TpmAction::kNeedsRestart,
     "the TPM works again after a restart of the machine"},
    {TPM2_RC_UPGRADE, TpmAction::kNeedsRestart,
     "the TPM is in the middle of a firmware upgrade: finish that, and restart "
     "the machine"},
    {TPM2_RC_HIERARCHY, TpmAction::kNoRoot,
     "the firmware has switched the TPM's storage hierarchy off: look at the "
     "TPM in its settings"},
    {TPM2_RC_PCR_CHANGED, TpmAction::kStartOver,
     "PCRs changed while the key was in use"},
    {TPM2_RC_AUTH_FAIL, TpmAction::kWrongAuth, kWrongPassword},
    {TPM2_RC_BAD_AUTH, TpmAction::kWrongAuth, kWrongPassword},
    {TPM2_RC_INTEGRITY, TpmAction::kKeyLost, kLost},
    {TPM2_RC_BINDING, TpmAction::kKeyLost, kLost},
};

const Meaning* MeaningOf(TSS2_RC rc) {
  const TSS2_RC bare = BareTpmCode(rc);
  for (const Meaning& meaning : kMeanings) {
    if (meaning.code == bare) return &meaning;
  }
  return nullptr;
}

absl::StatusCode CodeFor(TpmAction action) {
  switch (action) {
    case TpmAction::kRetry:
    case TpmAction::kStartOver:
    case TpmAction::kUnreachable:
      return absl::StatusCode::kUnavailable;
    case TpmAction::kFreeMemory:
      return absl::StatusCode::kResourceExhausted;
    case TpmAction::kLockedOut:
    case TpmAction::kWrongAuth:
      return absl::StatusCode::kPermissionDenied;
    case TpmAction::kNeedsRestart:
    case TpmAction::kNoRoot:
      return absl::StatusCode::kFailedPrecondition;
    case TpmAction::kKeyLost:
      return absl::StatusCode::kNotFound;
    case TpmAction::kUnsupported:
      return absl::StatusCode::kUnimplemented;
    case TpmAction::kGiveUp:
      break;
  }
  return absl::StatusCode::kInternal;
}

std::string AdviceFor(TSS2_RC rc, std::string_view tcti) {
  if (const Meaning* meaning = MeaningOf(rc); meaning != nullptr) {
    return std::string(meaning->advice);
  }
  if (rc == TSS2_ESYS_RC_RSP_AUTH_FAILED) {
    return "the answer is not the TPM's own: something on its bus changes what "
           "it says, or it was reset meanwhile";
  }
  if (TpmActionForCode(rc) == TpmAction::kUnreachable) {
    return absl::StrCat(
        "no TPM answers at tcti \"", tcti,
        "\": check tpm.tcti in the config, that the device is there and that "
        "this user may open it (group tss)");
  }
  return "";
}

bool IsTpmLayer(TSS2_RC rc) {
  const TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
  return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
}

}  // namespace

uint32_t BareTpmCode(uint32_t rc) {
  if (!IsTpmLayer(rc)) return rc;
  rc &= ~TSS2_RC_LAYER_MASK;
  return (rc & TPM2_RC_FMT1) == 0 ? rc : rc & (TPM2_RC_FMT1 | 0x3F);
}

TpmAction TpmActionForCode(uint32_t rc) {
  if (const Meaning* meaning = MeaningOf(rc); meaning != nullptr) {
    return meaning->action;
  }
  if (IsTpmLayer(rc)) return TpmAction::kGiveUp;
  const TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
  if (layer == TSS2_TCTI_RC_LAYER) return TpmAction::kUnreachable;
  if (rc == TSS2_ESYS_RC_RSP_AUTH_FAILED) return TpmAction::kStartOver;
  // ESYS and tctildr pass on what the TCTI said as a base code of their own.
  switch (rc & ~TSS2_RC_LAYER_MASK) {
    case TSS2_BASE_RC_IO_ERROR:
    case TSS2_BASE_RC_NO_CONNECTION:
    case TSS2_BASE_RC_NOT_SUPPORTED:
    case TSS2_BASE_RC_BAD_VALUE:
      return layer == TSS2_ESAPI_RC_LAYER ? TpmAction::kGiveUp
                                          : TpmAction::kUnreachable;
    case TSS2_BASE_RC_TRY_AGAIN:
      return TpmAction::kRetry;
    default:
      return TpmAction::kGiveUp;
  }
}

bool TpmWantsSelfTest(uint32_t rc) {
  const TSS2_RC bare = BareTpmCode(rc);
  return bare == TPM2_RC_TESTING || bare == TPM2_RC_NEEDS_TEST;
}

bool TpmLacksParameters(uint32_t rc) {
  switch (BareTpmCode(rc)) {
    case TPM2_RC_ASYMMETRIC:
    case TPM2_RC_CURVE:
    case TPM2_RC_HASH:
    case TPM2_RC_KEY_SIZE:
    case TPM2_RC_SCHEME:
    case TPM2_RC_TYPE:
    case TPM2_RC_VALUE:
      return true;
    default:
      return false;
  }
}

absl::Status TpmError(uint32_t rc, std::string_view what,
                      std::string_view tcti) {
  if (rc == TSS2_RC_SUCCESS) return absl::OkStatus();
  const std::string advice = AdviceFor(rc, tcti);
  return TpmStatus(
      TpmActionForCode(rc),
      absl::StrCat("can't ", what, ": ", Tss2_RC_Decode(rc), " (0x",
                   absl::Hex(rc), ")", advice.empty() ? "" : "; ", advice));
}

absl::Status TpmStatus(TpmAction action, std::string_view message) {
  absl::Status status(CodeFor(action), message);
  status.SetPayload(kActionPayload,
                    absl::Cord(absl::StrCat(static_cast<int>(action))));
  return status;
}

TpmAction TpmActionOf(const absl::Status& status) {
  auto payload = status.GetPayload(kActionPayload);
  int action;
  if (!payload.has_value() ||
      !absl::SimpleAtoi(std::string(*payload), &action)) {
    return TpmAction::kGiveUp;
  }
  return static_cast<TpmAction>(action);
}

void SetTpmRetryAfter(absl::Status* status, absl::Duration delay) {
  status->SetPayload(kRetryAfterPayload,
                     absl::Cord(absl::StrCat(absl::ToInt64Seconds(delay))));
}

std::optional<absl::Duration> TpmRetryAfterOf(const absl::Status& status) {
  auto payload = status.GetPayload(kRetryAfterPayload);
  int64_t seconds;
  if (!payload.has_value() ||
      !absl::SimpleAtoi(std::string(*payload), &seconds)) {
    return std::nullopt;
  }
  return absl::Seconds(seconds);
}

}  // namespace bestow
