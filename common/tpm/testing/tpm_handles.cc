#include "common/tpm/testing/tpm_handles.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include <cstring>

#include "common/tpm/errors.h"

namespace bestow {
namespace {

constexpr UINT32 kMaxHandles = 64;

class Connection {
 public:
  explicit Connection(const std::string& tcti) {
    rc_ = Tss2_TctiLdr_Initialize(tcti.c_str(), &context_);
    if (rc_ == TSS2_RC_SUCCESS)
      rc_ = Esys_Initialize(&esys_, context_, nullptr);
  }
  ~Connection() {
    if (esys_ != nullptr) Esys_Finalize(&esys_);
    if (context_ != nullptr) Tss2_TctiLdr_Finalize(&context_);
  }
  TSS2_RC rc() const { return rc_; }
  ESYS_CONTEXT* esys() { return esys_; }

 private:
  TSS2_RC rc_;
  TSS2_TCTI_CONTEXT* context_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
};

}  // namespace

absl::StatusOr<std::vector<uint32_t>> LoadedTpmHandles(
    const std::string& tcti) {
  Connection tpm(tcti);
  TSS2_RC rc = tpm.rc();
  std::vector<uint32_t> out;
  for (UINT32 first : {TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST,
                       TPM2_ACTIVE_SESSION_FIRST}) {
    if (rc != TSS2_RC_SUCCESS) break;
    TPMI_YES_NO more;
    TPMS_CAPABILITY_DATA* data = nullptr;
    rc =
        Esys_GetCapability(tpm.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                           TPM2_CAP_HANDLES, first, kMaxHandles, &more, &data);
    if (rc != TSS2_RC_SUCCESS) break;
    const TPML_HANDLE& list = data->data.handles;
    out.insert(out.end(), list.handle, list.handle + list.count);
    Esys_Free(data);
  }
  if (rc != TSS2_RC_SUCCESS) return TpmError(rc, "list handles", tcti);
  return out;
}

// An attestation key: restricted, and it signs.
absl::Status LeaveForeignObject(const std::string& tcti) {
  Connection tpm(tcti);
  if (tpm.rc() != TSS2_RC_SUCCESS) return TpmError(tpm.rc(), "open", tcti);
  TPM2B_SENSITIVE_CREATE sensitive;
  std::memset(&sensitive, 0, sizeof(sensitive));
  TPM2B_PUBLIC wanted;
  std::memset(&wanted, 0, sizeof(wanted));
  TPMT_PUBLIC& area = wanted.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                          TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_RESTRICTED |
                          TPMA_OBJECT_SIGN_ENCRYPT;
  TPMS_ECC_PARMS& ecc = area.parameters.eccDetail;
  ecc.symmetric.algorithm = TPM2_ALG_NULL;
  ecc.scheme.scheme = TPM2_ALG_ECDSA;
  ecc.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  ecc.curveID = TPM2_ECC_NIST_P256;
  ecc.kdf.scheme = TPM2_ALG_NULL;
  const TPM2B_DATA no_info = {};
  const TPML_PCR_SELECTION no_pcrs = {};
  ESYS_TR object;
  const TSS2_RC rc = Esys_CreatePrimary(
      tpm.esys(), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
      ESYS_TR_NONE, &sensitive, &wanted, &no_info, &no_pcrs, &object, nullptr,
      nullptr, nullptr, nullptr);
  return TpmError(rc, "load a key", tcti);
}

}  // namespace bestow
