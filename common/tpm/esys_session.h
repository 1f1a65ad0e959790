// One opened TPM and what lives in it. For EsysTpm and its tests alone.
#ifndef COMMON_TPM_ESYS_SESSION_H_
#define COMMON_TPM_ESYS_SESSION_H_

#include <tss2/tss2_esys.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/crypto/key_type.h"
#include "common/tpm/tpm.h"

namespace bestow {

// A transient object or a session: flushed when it goes.
class TpmHandle {
 public:
  TpmHandle() = default;
  explicit TpmHandle(ESYS_CONTEXT* esys) : esys_(esys) {}
  TpmHandle(TpmHandle&& other) noexcept
      : esys_(other.esys_),
        handle_(std::exchange(other.handle_, ESYS_TR_NONE)) {}
  TpmHandle& operator=(TpmHandle&& other) noexcept {
    std::swap(esys_, other.esys_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~TpmHandle() { Flush(); }

  ESYS_TR get() const { return handle_; }
  // Where an ESYS call puts the handle it makes.
  ESYS_TR* out() { return &handle_; }
  void Flush();
  // Forgets it without flushing: it stays in the TPM.
  void Release() { handle_ = ESYS_TR_NONE; }

 private:
  ESYS_CONTEXT* esys_ = nullptr;
  ESYS_TR handle_ = ESYS_TR_NONE;
};

// Not thread-safe. Handles must go before the session does.
class EsysSession {
 public:
  static absl::StatusOr<std::unique_ptr<EsysSession>> Open(
      const std::string& tcti);
  ~EsysSession();

  ESYS_CONTEXT* esys() { return esys_; }

  // The primary under the owner hierarchy that tpm2-openssl and
  // tpm2-tss-engine derive for parent 0x40000001: the same template gives the
  // same key, so that each can load what the other made.
  absl::StatusOr<TpmHandle> CreatePrimary();
  // An HMAC session salted to `primary`. Each command below that has one
  // encrypts what of its first parameters can be, in both directions: who
  // listens on the bus learns and changes nothing.
  absl::StatusOr<TpmHandle> StartSession(const TpmHandle& primary);

  // TpmAction::kUnsupported when the TPM has no keys of `type`.
  absl::Status CheckSupported(KeyType type);
  absl::StatusOr<TpmKey> CreateKey(const TpmHandle& primary,
                                   const TpmHandle& session, KeyType type);
  // kInvalidArgument: empty, or longer than kMaxSealedBytes.
  absl::StatusOr<SealedBlob> CreateSealed(const TpmHandle& primary,
                                          const TpmHandle& session,
                                          const Secret& secret);
  absl::StatusOr<TpmHandle> Load(const TpmHandle& primary,
                                 const TpmHandle& session, const TpmKey& key);

  // What the TPM gives: r and s as ECDSA-Sig-Value, or RSA octets.
  absl::StatusOr<Bytes> SignDigest(const TpmHandle& key,
                                   const TpmHandle& session,
                                   const TPMT_SIG_SCHEME& scheme,
                                   ByteView digest);
  // With TPM2_ALG_NULL the bare operation, whose result is padded to the
  // length of `in`; with TPM2_ALG_OAEP as Tpm::RsaOaepDecrypt.
  absl::StatusOr<Secret> RsaDecrypt(const TpmHandle& key,
                                    const TpmHandle& session,
                                    TPMI_ALG_RSA_DECRYPT scheme, ByteView in);
  absl::StatusOr<Secret> Unseal(const TpmHandle& blob,
                                const TpmHandle& session);

 private:
  explicit EsysSession(std::string tcti) : tcti_(std::move(tcti)) {}
  absl::Status Error(TSS2_RC rc, const char* what) const;
  // Which directions' first parameters the next command has to encrypt.
  TSS2_RC SetEncryption(const TpmHandle& session, TPMA_SESSION directions);
  absl::StatusOr<TpmKey> Create(const TpmHandle& primary,
                                const TpmHandle& session,
                                const TPM2B_SENSITIVE_CREATE& sensitive,
                                const TPM2B_PUBLIC& wanted, const char* what);

  const std::string tcti_;
  TSS2_TCTI_CONTEXT* tcti_context_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
};

}  // namespace bestow

#endif  // COMMON_TPM_ESYS_SESSION_H_
