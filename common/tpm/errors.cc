#include "common/tpm/errors.h"

#include <tss2/tss2_common.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tpm2_types.h>

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace bestow {
namespace {

constexpr std::string_view kPayload = "bestow/tpm-action";

absl::StatusCode CodeFor(TpmAction action) {
  switch (action) {
    case TpmAction::kRetry:
    case TpmAction::kUnreachable:
      return absl::StatusCode::kUnavailable;
    case TpmAction::kFreeMemory:
      return absl::StatusCode::kResourceExhausted;
    case TpmAction::kLockedOut:
      return absl::StatusCode::kPermissionDenied;
    case TpmAction::kKeyLost:
      return absl::StatusCode::kNotFound;
    case TpmAction::kUnsupported:
      return absl::StatusCode::kUnimplemented;
    case TpmAction::kGiveUp:
      break;
  }
  return absl::StatusCode::kInternal;
}

std::string AdviceFor(TpmAction action, std::string_view tcti) {
  switch (action) {
    case TpmAction::kRetry:
      return "the TPM is busy; trying again later";
    case TpmAction::kUnreachable:
      return absl::StrCat(
          "no TPM answers at tcti \"", tcti,
          "\": check tpm.tcti in the config, that the device is there and that "
          "this user may open it (group tss)");
    case TpmAction::kFreeMemory:
      return "the TPM has no free memory: another program holds its slots; use "
             "device:/dev/tpmrm0, or flush them (tpm2_flushcontext -t)";
    case TpmAction::kLockedOut:
      return "the TPM is locked out after failed authorizations: wait, or "
             "clear it with tpm2_dictionarylockout --clear-lockout";
    case TpmAction::kKeyLost:
      return "this TPM can't load the key: it was made in another TPM, or the "
             "TPM was cleared since; the device must be enrolled again";
    case TpmAction::kUnsupported:
    case TpmAction::kGiveUp:
      break;
  }
  return "";
}

// Response codes of format one carry a parameter, handle or session number
// that doesn't matter here (TPM 2.0 Part 2, 6.6).
TSS2_RC WithoutPosition(TSS2_RC rc) {
  if ((rc & TPM2_RC_FMT1) == 0) return rc;
  return rc & (TPM2_RC_FMT1 | 0x3F);
}

}  // namespace

TpmAction TpmActionForCode(uint32_t rc) {
  const TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
  if (layer == TSS2_TCTI_RC_LAYER) return TpmAction::kUnreachable;
  // ESYS and tctildr pass on what the TCTI said as a base code of their own.
  const bool from_tpm =
      layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
  if (!from_tpm) {
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
  switch (WithoutPosition(rc & ~TSS2_RC_LAYER_MASK)) {
    case TPM2_RC_RETRY:
    case TPM2_RC_YIELDED:
    case TPM2_RC_TESTING:
    case TPM2_RC_NV_RATE:
    case TPM2_RC_NV_UNAVAILABLE:
      return TpmAction::kRetry;
    case TPM2_RC_MEMORY:
    case TPM2_RC_OBJECT_MEMORY:
    case TPM2_RC_SESSION_MEMORY:
    case TPM2_RC_OBJECT_HANDLES:
    case TPM2_RC_SESSION_HANDLES:
      return TpmAction::kFreeMemory;
    case TPM2_RC_LOCKOUT:
      return TpmAction::kLockedOut;
    case TPM2_RC_INTEGRITY:
    case TPM2_RC_BINDING:
      return TpmAction::kKeyLost;
    default:
      return TpmAction::kGiveUp;
  }
}

bool TpmLacksParameters(uint32_t rc) {
  const TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
  if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER) {
    return false;
  }
  switch (WithoutPosition(rc & ~TSS2_RC_LAYER_MASK)) {
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
  const TpmAction action = TpmActionForCode(rc);
  const std::string advice = AdviceFor(action, tcti);
  return TpmStatus(
      action,
      absl::StrCat("can't ", what, ": ", Tss2_RC_Decode(rc), " (0x",
                   absl::Hex(rc), ")", advice.empty() ? "" : "; ", advice));
}

absl::Status TpmStatus(TpmAction action, std::string_view message) {
  absl::Status status(CodeFor(action), message);
  status.SetPayload(kPayload,
                    absl::Cord(std::to_string(static_cast<int>(action))));
  return status;
}

TpmAction TpmActionOf(const absl::Status& status) {
  auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return TpmAction::kGiveUp;
  return static_cast<TpmAction>(std::stoi(std::string(*payload)));
}

}  // namespace bestow
