// What runs of ours left in a TPM that has no resource manager.
#include <tss2/tss2_mu.h>

#include <cstring>
#include <utility>
#include <vector>

#include "common/tpm/errors.h"
#include "common/tpm/esys_internal.h"
#include "common/tpm/esys_session.h"
#include "common/tpm/esys_templates.h"

namespace bestow {
namespace {

constexpr UINT32 kMaxHandles = 64;
// TPM2_FlushContext: tag, size, command code, handle (Part 3, 28.4).
constexpr UINT32 kFlushBytes = 2 + 4 + 4 + 4;

// ESYS has no name for a session that it did not start.
bool FlushRaw(ESYS_CONTEXT* esys, TPM2_HANDLE handle) {
  TSS2_TCTI_CONTEXT* tcti = nullptr;
  if (Esys_GetTcti(esys, &tcti) != TSS2_RC_SUCCESS) return false;
  uint8_t command[kFlushBytes];
  size_t size = 0;
  if (Tss2_MU_TPM2_ST_Marshal(TPM2_ST_NO_SESSIONS, command, sizeof(command),
                              &size) != TSS2_RC_SUCCESS ||
      Tss2_MU_UINT32_Marshal(kFlushBytes, command, sizeof(command), &size) !=
          TSS2_RC_SUCCESS ||
      Tss2_MU_UINT32_Marshal(TPM2_CC_FlushContext, command, sizeof(command),
                             &size) != TSS2_RC_SUCCESS ||
      Tss2_MU_UINT32_Marshal(handle, command, sizeof(command), &size) !=
          TSS2_RC_SUCCESS ||
      Tss2_Tcti_Transmit(tcti, size, command) != TSS2_RC_SUCCESS) {
    return false;
  }
  uint8_t response[TPM2_MAX_RESPONSE_SIZE];
  size_t response_size = sizeof(response);
  if (Tss2_Tcti_Receive(tcti, &response_size, response,
                        TSS2_TCTI_TIMEOUT_BLOCK) != TSS2_RC_SUCCESS) {
    return false;
  }
  UINT32 code;
  size_t offset = 2 + 4;  // tag and size
  return Tss2_MU_UINT32_Unmarshal(response, response_size, &offset, &code) ==
             TSS2_RC_SUCCESS &&
         code == TPM2_RC_SUCCESS;
}

}  // namespace

absl::StatusOr<std::vector<TPM2_HANDLE>> EsysSession::Handles(UINT32 first) {
  TPMI_YES_NO more;
  TPMS_CAPABILITY_DATA* raw = nullptr;
  const TSS2_RC rc = Do([&] {
    return Esys_GetCapability(esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                              TPM2_CAP_HANDLES, first, kMaxHandles, &more,
                              &raw);
  });
  UniqueEsys<TPMS_CAPABILITY_DATA> data(raw);
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "ask the TPM what it holds");
  const TPML_HANDLE& list = data->data.handles;
  return std::vector<TPM2_HANDLE>(list.handle, list.handle + list.count);
}

void EsysSession::FlushIfOurs(TPM2_HANDLE found) {
  ESYS_TR object = ESYS_TR_NONE;
  TSS2_RC rc = Do([&] {
    return Esys_TR_FromTPMPublic(esys_, found, ESYS_TR_NONE, ESYS_TR_NONE,
                                 ESYS_TR_NONE, &object);
  });
  if (rc != TSS2_RC_SUCCESS) {
    left_something_ = true;
    return;
  }
  TPM2B_PUBLIC* raw = nullptr;
  rc = Do([&] {
    return Esys_ReadPublic(esys_, object, ESYS_TR_NONE, ESYS_TR_NONE,
                           ESYS_TR_NONE, &raw, nullptr, nullptr);
  });
  UniqueEsys<TPM2B_PUBLIC> area(raw);
  if (rc == TSS2_RC_SUCCESS && IsOfOurTemplates(*area)) {
    Flush(object);
    return;
  }
  if (rc != TSS2_RC_SUCCESS) left_something_ = true;
  Esys_TR_Close(esys_, &object);
}

absl::Status EsysSession::FlushLeftovers() {
  auto objects = Handles(TPM2_TRANSIENT_FIRST);
  if (!objects.ok()) return objects.status();
  for (TPM2_HANDLE found : *objects) FlushIfOurs(found);
  auto sessions = Handles(TPM2_LOADED_SESSION_FIRST);
  if (!sessions.ok()) return sessions.status();
  for (TPM2_HANDLE found : *sessions) {
    if (!FlushRaw(esys_, found)) left_something_ = true;
  }
  return absl::OkStatus();
}

}  // namespace bestow
