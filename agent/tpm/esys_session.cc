#include "agent/tpm/esys_session.h"

#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/tpm/errors.h"
#include "agent/tpm/tpm_public.h"

namespace bestow::agent {
namespace {

// ESYS itself submits a command up to five times on TPM_RC_RETRY; a chip in
// its self-test or writing flash needs longer.
constexpr int kMaxAttempts = 6;
constexpr absl::Duration kFirstPause = absl::Milliseconds(20);

template <typename Command>
TSS2_RC WithRetry(const Command& command) {
  absl::Duration pause = kFirstPause;
  TSS2_RC rc = command();
  for (int attempt = 1; attempt < kMaxAttempts && rc != TSS2_RC_SUCCESS &&
                        TpmActionForCode(rc) == TpmAction::kRetry;
       ++attempt) {
    absl::SleepFor(pause);
    pause *= 2;
    rc = command();
  }
  return rc;
}

template <typename T>
struct EsysFree {
  void operator()(T* value) const { Esys_Free(value); }
};
template <typename T>
using UniqueEsys = std::unique_ptr<T, EsysFree<T>>;

TPM2B_PUBLIC EccTemplate(TPMA_OBJECT attributes) {
  TPM2B_PUBLIC out;
  std::memset(&out, 0, sizeof(out));
  out.publicArea.type = TPM2_ALG_ECC;
  out.publicArea.nameAlg = TPM2_ALG_SHA256;
  out.publicArea.objectAttributes = attributes;
  TPMS_ECC_PARMS& ecc = out.publicArea.parameters.eccDetail;
  ecc.symmetric.algorithm = TPM2_ALG_NULL;
  ecc.scheme.scheme = TPM2_ALG_NULL;
  ecc.curveID = TPM2_ECC_NIST_P256;
  ecc.kdf.scheme = TPM2_ALG_NULL;
  return out;
}

TPM2B_PUBLIC PrimaryTemplate() {
  TPM2B_PUBLIC out = EccTemplate(
      TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT |
      TPMA_OBJECT_NODA | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
      TPMA_OBJECT_SENSITIVEDATAORIGIN);
  TPMT_SYM_DEF_OBJECT& symmetric =
      out.publicArea.parameters.eccDetail.symmetric;
  symmetric.algorithm = TPM2_ALG_AES;
  symmetric.keyBits.aes = 128;
  symmetric.mode.aes = TPM2_ALG_CFB;
  return out;
}

static_assert(kSigningKeyAttributes ==
              (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
               TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
               TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT));

// No authorization value and no data: the TPM makes the key itself.
TPM2B_SENSITIVE_CREATE NoSensitive() {
  TPM2B_SENSITIVE_CREATE out;
  std::memset(&out, 0, sizeof(out));
  return out;
}

const TPM2B_DATA kNoOutsideInfo = {};
const TPML_PCR_SELECTION kNoPcrs = {};

absl::Status Oversized(const char* what) {
  return TpmStatus(TpmAction::kGiveUp,
                   absl::StrCat("the key's ", what, " part is malformed"));
}

}  // namespace

void TpmHandle::Flush() {
  if (handle_ == ESYS_TR_NONE) return;
  Esys_FlushContext(esys_, std::exchange(handle_, ESYS_TR_NONE));
}

absl::Status EsysSession::Error(TSS2_RC rc, const char* what) const {
  return TpmError(rc, what, tcti_);
}

absl::StatusOr<std::unique_ptr<EsysSession>> EsysSession::Open(
    const std::string& tcti) {
  auto session = std::unique_ptr<EsysSession>(new EsysSession(tcti));
  TSS2_RC rc = Tss2_TctiLdr_Initialize(tcti.c_str(), &session->tcti_context_);
  if (rc == TSS2_RC_SUCCESS) {
    rc = Esys_Initialize(&session->esys_, session->tcti_context_, nullptr);
  }
  // Whatever keeps it from opening, the TPM is not reachable this way.
  if (rc != TSS2_RC_SUCCESS) {
    return TpmError((rc & ~TSS2_RC_LAYER_MASK) | TSS2_TCTI_RC_LAYER,
                    "open the TPM", tcti);
  }
  return session;
}

EsysSession::~EsysSession() {
  if (esys_ != nullptr) Esys_Finalize(&esys_);
  if (tcti_context_ != nullptr) Tss2_TctiLdr_Finalize(&tcti_context_);
}

absl::StatusOr<TpmHandle> EsysSession::CreatePrimary() {
  const TPM2B_SENSITIVE_CREATE sensitive = NoSensitive();
  const TPM2B_PUBLIC wanted = PrimaryTemplate();
  TpmHandle primary(esys_);
  TSS2_RC rc = WithRetry([&] {
    return Esys_CreatePrimary(esys_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                              ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &wanted,
                              &kNoOutsideInfo, &kNoPcrs, primary.out(), nullptr,
                              nullptr, nullptr, nullptr);
  });
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "derive the storage primary");
  return primary;
}

absl::StatusOr<TpmHandle> EsysSession::StartSession(const TpmHandle& primary) {
  TPMT_SYM_DEF aes;
  std::memset(&aes, 0, sizeof(aes));
  aes.algorithm = TPM2_ALG_AES;
  aes.keyBits.aes = 128;
  aes.mode.aes = TPM2_ALG_CFB;
  TpmHandle session(esys_);
  TSS2_RC rc = WithRetry([&] {
    return Esys_StartAuthSession(esys_, primary.get(), ESYS_TR_NONE,
                                 ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                 nullptr, TPM2_SE_HMAC, &aes, TPM2_ALG_SHA256,
                                 session.out());
  });
  if (rc == TSS2_RC_SUCCESS) {
    constexpr TPMA_SESSION kFlags = TPMA_SESSION_DECRYPT |
                                    TPMA_SESSION_ENCRYPT |
                                    TPMA_SESSION_CONTINUESESSION;
    rc = Esys_TRSess_SetAttributes(esys_, session.get(), kFlags, kFlags);
  }
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "start a session with the TPM");
  return session;
}

absl::StatusOr<TpmKey> EsysSession::Create(const TpmHandle& primary,
                                           const TpmHandle& session) {
  const TPM2B_SENSITIVE_CREATE sensitive = NoSensitive();
  const TPM2B_PUBLIC wanted = EccTemplate(kSigningKeyAttributes);
  TPM2B_PRIVATE* raw_private = nullptr;
  TPM2B_PUBLIC* raw_public = nullptr;
  TSS2_RC rc = WithRetry([&] {
    return Esys_Create(esys_, primary.get(), session.get(), ESYS_TR_NONE,
                       ESYS_TR_NONE, &sensitive, &wanted, &kNoOutsideInfo,
                       &kNoPcrs, &raw_private, &raw_public, nullptr, nullptr,
                       nullptr);
  });
  UniqueEsys<TPM2B_PRIVATE> out_private(raw_private);
  UniqueEsys<TPM2B_PUBLIC> out_public(raw_public);
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "make a key in the TPM");

  TpmKey key;
  uint8_t buffer[sizeof(TPM2B_PUBLIC) + sizeof(TPM2B_PRIVATE)];
  size_t size = 0;
  rc = Tss2_MU_TPM2B_PUBLIC_Marshal(out_public.get(), buffer, sizeof(buffer),
                                    &size);
  key.public_blob.assign(buffer, buffer + size);
  if (rc == TSS2_RC_SUCCESS) {
    size = 0;
    rc = Tss2_MU_TPM2B_PRIVATE_Marshal(out_private.get(), buffer,
                                       sizeof(buffer), &size);
    key.private_blob.assign(buffer, buffer + size);
  }
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "write the key's blobs");
  return key;
}

absl::StatusOr<TpmHandle> EsysSession::Load(const TpmHandle& primary,
                                            const TpmHandle& session,
                                            const TpmKey& key) {
  TPM2B_PUBLIC in_public;
  TPM2B_PRIVATE in_private;
  std::memset(&in_public, 0, sizeof(in_public));
  std::memset(&in_private, 0, sizeof(in_private));
  size_t offset = 0;
  if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(key.public_blob.data(),
                                     key.public_blob.size(), &offset,
                                     &in_public) != TSS2_RC_SUCCESS ||
      offset != key.public_blob.size()) {
    return Oversized("public");
  }
  offset = 0;
  if (Tss2_MU_TPM2B_PRIVATE_Unmarshal(key.private_blob.data(),
                                      key.private_blob.size(), &offset,
                                      &in_private) != TSS2_RC_SUCCESS ||
      offset != key.private_blob.size()) {
    return Oversized("private");
  }
  TpmHandle loaded(esys_);
  TSS2_RC rc = WithRetry([&] {
    return Esys_Load(esys_, primary.get(), session.get(), ESYS_TR_NONE,
                     ESYS_TR_NONE, &in_private, &in_public, loaded.out());
  });
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "load the key into the TPM");
  return loaded;
}

absl::StatusOr<Bytes> EsysSession::SignDigest(const TpmHandle& key,
                                              const TpmHandle& session,
                                              ByteView digest) {
  TPM2B_DIGEST in_digest;
  std::memset(&in_digest, 0, sizeof(in_digest));
  if (digest.size() > sizeof(in_digest.buffer)) return Oversized("digest");
  in_digest.size = static_cast<UINT16>(digest.size());
  std::memcpy(in_digest.buffer, digest.data(), digest.size());
  TPMT_SIG_SCHEME scheme;
  std::memset(&scheme, 0, sizeof(scheme));
  scheme.scheme = TPM2_ALG_ECDSA;
  scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  // An unrestricted key signs any digest: the ticket says nothing.
  TPMT_TK_HASHCHECK ticket;
  std::memset(&ticket, 0, sizeof(ticket));
  ticket.tag = TPM2_ST_HASHCHECK;
  ticket.hierarchy = TPM2_RH_NULL;

  // Sign's reply has no encryptable first parameter (Part 3, 20.2).
  TSS2_RC rc =
      Esys_TRSess_SetAttributes(esys_, session.get(), 0, TPMA_SESSION_ENCRYPT);
  TPMT_SIGNATURE* raw = nullptr;
  if (rc == TSS2_RC_SUCCESS) {
    rc = WithRetry([&] {
      return Esys_Sign(esys_, key.get(), session.get(), ESYS_TR_NONE,
                       ESYS_TR_NONE, &in_digest, &scheme, &ticket, &raw);
    });
  }
  UniqueEsys<TPMT_SIGNATURE> signature(raw);
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "sign with the TPM");
  const TPMS_SIGNATURE_ECC& ecdsa = signature->signature.ecdsa;
  return EcdsaSignatureDer(
      ByteView(ecdsa.signatureR.buffer, ecdsa.signatureR.size),
      ByteView(ecdsa.signatureS.buffer, ecdsa.signatureS.size));
}

}  // namespace bestow::agent
