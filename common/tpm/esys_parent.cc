// EsysSession's storage roots.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_internal.h"
#include "common/tpm/esys_session.h"
#include "common/tpm/esys_templates.h"

namespace bestow {

absl::StatusOr<TpmHandle> EsysSession::CreatePrimary() {
  const TPM2B_SENSITIVE_CREATE sensitive = NoSensitive();
  const TPM2B_PUBLIC wanted = PrimaryTemplate();
  TpmHandle primary(this);
  TSS2_RC rc = Do([&] {
    return Esys_CreatePrimary(esys_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                              ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &wanted,
                              &kNoOutsideInfo, &kNoPcrs, primary.out(), nullptr,
                              nullptr, nullptr, nullptr);
  });
  const TSS2_RC bare = BareTpmCode(rc);
  if (bare == TPM2_RC_BAD_AUTH || bare == TPM2_RC_AUTH_FAIL) {
    return TpmStatus(
        TpmAction::kNoRoot,
        absl::StrCat("the TPM at \"", tcti_,
                     "\" has an owner password, so that the storage primary "
                     "can't be derived; give tpm.parent the persistent handle "
                     "of a storage key, such as \"0x81000001\""));
  }
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "derive the storage primary");
  return primary;
}

absl::StatusOr<TpmHandle> EsysSession::OpenParent(uint32_t parent) {
  if (parent == kParentOwner) return CreatePrimary();
  if (!IsPersistentParent(parent)) {
    return TpmStatus(
        TpmAction::kGiveUp,
        absl::StrCat("the key's parent 0x", absl::Hex(parent),
                     " is neither the owner hierarchy (0x40000001) "
                     "nor a persistent handle of the owner's"));
  }
  TpmHandle handle(this);
  handle.SetPersistent();
  TSS2_RC rc = Do([&] {
    return Esys_TR_FromTPMPublic(esys_, parent, ESYS_TR_NONE, ESYS_TR_NONE,
                                 ESYS_TR_NONE, handle.out());
  });
  if (BareTpmCode(rc) == TPM2_RC_HANDLE) {
    return TpmStatus(
        TpmAction::kNoRoot,
        absl::StrCat("the TPM at \"", tcti_, "\" has no key at 0x",
                     absl::Hex(parent),
                     ": it was not provisioned, or was cleared since "
                     "(tpm2_createprimary and tpm2_evictcontrol make one)"));
  }
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "find the storage root");
  TPM2B_PUBLIC* raw = nullptr;
  rc = Do([&] {
    return Esys_ReadPublic(esys_, handle.get(), ESYS_TR_NONE, ESYS_TR_NONE,
                           ESYS_TR_NONE, &raw, nullptr, nullptr);
  });
  UniqueEsys<TPM2B_PUBLIC> area(raw);
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "read the storage root");
  if (absl::Status s = CheckStorageParent(parent, *area); !s.ok()) return s;
  return handle;
}

// Under any other key ours could leave this TPM, or be read by who holds it.
absl::Status EsysSession::CheckStorageParent(uint32_t parent,
                                             const TPM2B_PUBLIC& area) {
  constexpr TPMA_OBJECT kNeeded =
      TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_RESTRICTED |
      TPMA_OBJECT_DECRYPT | TPMA_OBJECT_USERWITHAUTH;
  const TPMT_PUBLIC& key = area.publicArea;
  const bool is_asymmetric =
      key.type == TPM2_ALG_RSA || key.type == TPM2_ALG_ECC;
  if (is_asymmetric && (key.objectAttributes & kNeeded) == kNeeded &&
      (key.objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT) == 0) {
    return absl::OkStatus();
  }
  return TpmStatus(
      TpmAction::kNoRoot,
      absl::StrCat("the key at 0x", absl::Hex(parent), " of the TPM at \"",
                   tcti_,
                   "\" is no storage root: it has to be an RSA or ECC key with "
                   "fixedtpm, fixedparent, restricted, decrypt and "
                   "userwithauth, and without sign"));
}

absl::StatusOr<Bytes> EsysSession::NameOf(const TpmHandle& object) {
  TPM2B_NAME* raw = nullptr;
  const TSS2_RC rc = Esys_TR_GetName(esys_, object.get(), &raw);
  UniqueEsys<TPM2B_NAME> name(raw);
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "name the storage root");
  return Bytes(name->name, name->name + name->size);
}

}  // namespace bestow
