#include "common/tpm/esys_session.h"

#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_internal.h"
#include "common/tpm/esys_templates.h"

namespace bestow {
namespace {

absl::Status Oversized(const char* what) {
  return TpmStatus(TpmAction::kGiveUp,
                   absl::StrCat("the key's ", what, " part is malformed"));
}

}  // namespace

void TpmHandle::Flush() {
  if (handle_ == ESYS_TR_NONE) return;
  ESYS_TR handle = std::exchange(handle_, ESYS_TR_NONE);
  if (persistent_) {
    Esys_TR_Close(tpm_->esys(), &handle);
  } else {
    tpm_->Flush(handle);
  }
}

absl::StatusOr<std::unique_ptr<EsysSession>> EsysSession::Open(
    const std::string& tcti, TpmRetryOptions retry) {
  auto session =
      std::unique_ptr<EsysSession>(new EsysSession(tcti, std::move(retry)));
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

// ESYS itself sends a command up to five times, without a pause, on RETRY,
// YIELDED and TESTING.
TSS2_RC EsysSession::Do(absl::FunctionRef<TSS2_RC()> command) {
  for (;;) {
    // After that ESYS only says that it is called out of sequence.
    if (connection_lost_ != TSS2_RC_SUCCESS) return connection_lost_;
    TSS2_RC rc = command();
    if (rc == TSS2_RC_SUCCESS) {
      patience_.Relax();
      return rc;
    }
    if (TpmActionForCode(rc) == TpmAction::kUnreachable) connection_lost_ = rc;
    if (TpmActionForCode(rc) != TpmAction::kRetry) return rc;
    if (TpmWantsSelfTest(rc) && !self_tested_) {
      self_tested_ = true;
      // Part 3, 10.2: what was not tested yet; TESTING says that it goes on.
      const TSS2_RC tested = Esys_SelfTest(esys_, ESYS_TR_NONE, ESYS_TR_NONE,
                                           ESYS_TR_NONE, TPM2_NO);
      if (TpmActionForCode(tested) == TpmAction::kNeedsRestart) return tested;
    }
    if (!patience_.Pause()) return rc;
  }
}

absl::Status EsysSession::Error(TSS2_RC rc, const char* what) {
  absl::Status status = TpmError(rc, what, tcti_);
  if (TpmActionOf(status) != TpmAction::kLockedOut) return status;
  return LockedOut(std::move(status));
}

// TPM_PT_LOCKOUT_COUNTER, _MAX_AUTH_FAIL, _LOCKOUT_INTERVAL and _RECOVERY
// (Part 2, 6.13) stand in a row. In every interval one failure is forgiven
// (Part 1, 19.8).
absl::Status EsysSession::LockedOut(absl::Status status) {
  constexpr UINT32 kWanted = 4;
  TPMS_CAPABILITY_DATA* raw = nullptr;
  const TSS2_RC rc = Do([&] {
    return Esys_GetCapability(esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                              TPM2_CAP_TPM_PROPERTIES, TPM2_PT_LOCKOUT_COUNTER,
                              kWanted, nullptr, &raw);
  });
  UniqueEsys<TPMS_CAPABILITY_DATA> data(raw);
  if (rc != TSS2_RC_SUCCESS) return status;
  UINT32 failures = 0, allowed = 0, interval_seconds = 0;
  const TPML_TAGGED_TPM_PROPERTY& list = data->data.tpmProperties;
  for (UINT32 i = 0; i < list.count && i < TPM2_MAX_TPM_PROPERTIES; ++i) {
    const TPMS_TAGGED_PROPERTY& property = list.tpmProperty[i];
    if (property.property == TPM2_PT_LOCKOUT_COUNTER) failures = property.value;
    if (property.property == TPM2_PT_MAX_AUTH_FAIL) allowed = property.value;
    if (property.property == TPM2_PT_LOCKOUT_INTERVAL) {
      interval_seconds = property.value;
    }
  }
  // Zero: nothing is forgiven by waiting.
  if (interval_seconds == 0) return status;
  absl::Status said =
      TpmStatus(TpmAction::kLockedOut,
                absl::StrCat(status.message(), " (", failures, " failures, ",
                             allowed, " allowed, one is forgiven every ",
                             interval_seconds, " seconds)"));
  SetTpmRetryAfter(&said, absl::Seconds(interval_seconds));
  return said;
}

void EsysSession::Flush(ESYS_TR handle) {
  const TSS2_RC rc = Do([&] { return Esys_FlushContext(esys_, handle); });
  if (rc != TSS2_RC_SUCCESS) left_something_ = true;
}

absl::StatusOr<TpmHandle> EsysSession::StartSession(const TpmHandle& primary,
                                                    TPM2_SE type) {
  TPMT_SYM_DEF aes;
  std::memset(&aes, 0, sizeof(aes));
  aes.algorithm = TPM2_ALG_AES;
  aes.keyBits.aes = 128;
  aes.mode.aes = TPM2_ALG_CFB;
  TpmHandle session(this);
  TSS2_RC rc = Do([&] {
    return Esys_StartAuthSession(
        esys_, primary.get(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
        ESYS_TR_NONE, nullptr, type, &aes, TPM2_ALG_SHA256, session.out());
  });
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "start a session with the TPM");
  return session;
}

TSS2_RC EsysSession::SetEncryption(const TpmHandle& session,
                                   TPMA_SESSION directions) {
  return Esys_TRSess_SetAttributes(esys_, session.get(),
                                   directions | TPMA_SESSION_CONTINUESESSION,
                                   TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT |
                                       TPMA_SESSION_CONTINUESESSION);
}

absl::Status EsysSession::CheckSupported(KeyType type) {
  const absl::Status unsupported = TpmStatus(
      TpmAction::kUnsupported,
      absl::StrCat("the TPM at \"", tcti_, "\" has no ", KeyTypeName(type),
                   " keys; ask for another key_type"));
  std::optional<TPM2B_PUBLIC> wanted = KeyTemplate(type);
  if (!wanted) return unsupported;
  TPMT_PUBLIC_PARMS parameters;
  std::memset(&parameters, 0, sizeof(parameters));
  parameters.type = wanted->publicArea.type;
  parameters.parameters = wanted->publicArea.parameters;
  if (parameters.type == TPM2_ALG_ECC) {
    // A curve is no use without its hash.
    const auto signature = SignatureScheme(SignatureAlgorithmOf(type));
    TPMT_ECC_SCHEME& scheme = parameters.parameters.eccDetail.scheme;
    scheme.scheme = signature->scheme;
    scheme.details.ecdsa = signature->details.ecdsa;
  }
  TSS2_RC rc = Do([&] {
    return Esys_TestParms(esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                          &parameters);
  });
  if (TpmLacksParameters(rc)) return unsupported;
  return Error(rc, "ask the TPM for its key types");
}

absl::StatusOr<TpmKey> EsysSession::CreateKey(const TpmHandle& primary,
                                              const TpmHandle& session,
                                              KeyType type,
                                              const KeyProtection& protection) {
  if (absl::Status s = CheckSupported(type); !s.ok()) return s;
  TPM2B_PUBLIC wanted = *KeyTemplate(type);
  TPMT_PUBLIC& area = wanted.publicArea;
  const bool with_auth = protection.auth != nullptr;
  std::optional<PcrPolicy> policy;
  if (!protection.pcrs.empty()) {
    auto made = MakePolicy(protection.pcrs);
    if (!made.ok()) return made.status();
    policy = *std::move(made);
    // The policy is the only way to use it.
    area.objectAttributes &= ~TPMA_OBJECT_USERWITHAUTH;
    const Bytes digest = PolicyDigest(*policy, with_auth);
    area.authPolicy.size = static_cast<UINT16>(digest.size());
    std::memcpy(area.authPolicy.buffer, digest.data(), digest.size());
  }
  TPM2B_SENSITIVE_CREATE sensitive = NoSensitive();
  if (with_auth) {
    if (!protection.no_da) area.objectAttributes &= ~TPMA_OBJECT_NODA;
    const ByteView auth = protection.auth->bytes();
    TPM2B_AUTH& out = sensitive.sensitive.userAuth;
    if (auth.size() > kMaxAuthBytes) {
      return absl::InvalidArgumentError("too long a password for a key");
    }
    out.size = static_cast<UINT16>(auth.size());
    std::memcpy(out.buffer, auth.data(), auth.size());
  }
  auto key =
      Create(primary, session, sensitive, wanted, "make a key in the TPM");
  Cleanse(&sensitive, sizeof(sensitive));
  if (!key.ok()) return key.status();
  key->wants_auth = with_auth;
  key->auth = protection.auth;
  key->pcr_policy = std::move(policy);
  return key;
}

absl::StatusOr<SealedBlob> EsysSession::CreateSealed(const TpmHandle& primary,
                                                     const TpmHandle& session,
                                                     const Secret& secret) {
  const ByteView octets = secret.bytes();
  if (octets.empty() || octets.size() > kMaxSealedBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a TPM seals 1 to ", kMaxSealedBytes, " octets"));
  }
  TPM2B_SENSITIVE_CREATE sensitive = NoSensitive();
  sensitive.sensitive.data.size = static_cast<UINT16>(octets.size());
  std::memcpy(sensitive.sensitive.data.buffer, octets.data(), octets.size());
  auto made = Create(primary, session, sensitive, SealedTemplate(),
                     "seal a secret to the TPM");
  Cleanse(&sensitive, sizeof(sensitive));
  if (!made.ok()) return made.status();
  return SealedBlob{.public_blob = std::move(made->public_blob),
                    .private_blob = std::move(made->private_blob)};
}

absl::StatusOr<TpmKey> EsysSession::Create(
    const TpmHandle& primary, const TpmHandle& session,
    const TPM2B_SENSITIVE_CREATE& sensitive, const TPM2B_PUBLIC& wanted,
    const char* what) {
  TPM2B_PRIVATE* raw_private = nullptr;
  TPM2B_PUBLIC* raw_public = nullptr;
  TSS2_RC rc =
      SetEncryption(session, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT);
  if (rc == TSS2_RC_SUCCESS) {
    rc = Do([&] {
      return Esys_Create(esys_, primary.get(), session.get(), ESYS_TR_NONE,
                         ESYS_TR_NONE, &sensitive, &wanted, &kNoOutsideInfo,
                         &kNoPcrs, &raw_private, &raw_public, nullptr, nullptr,
                         nullptr);
    });
  }
  UniqueEsys<TPM2B_PRIVATE> out_private(raw_private);
  UniqueEsys<TPM2B_PUBLIC> out_public(raw_public);
  if (rc != TSS2_RC_SUCCESS) return Error(rc, what);

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
  TpmHandle loaded(this);
  TSS2_RC rc =
      SetEncryption(session, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT);
  if (rc == TSS2_RC_SUCCESS) {
    rc = Do([&] {
      return Esys_Load(esys_, primary.get(), session.get(), ESYS_TR_NONE,
                       ESYS_TR_NONE, &in_private, &in_public, loaded.out());
    });
  }
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "load the key into the TPM");
  return loaded;
}

}  // namespace bestow
