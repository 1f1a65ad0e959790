// One opened TPM and what lives in it. For EsysTpm and its tests alone.
#ifndef COMMON_TPM_ESYS_SESSION_H_
#define COMMON_TPM_ESYS_SESSION_H_

#include <tss2/tss2_esys.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/crypto/key_type.h"
#include "common/tpm/retry.h"
#include "common/tpm/tpm.h"

namespace bestow {

class EsysSession;

// A transient object or a session, flushed when it goes; or a persistent
// object, which stays.
class TpmHandle {
 public:
  TpmHandle() = default;
  explicit TpmHandle(EsysSession* tpm) : tpm_(tpm) {}
  TpmHandle(TpmHandle&& other) noexcept { *this = std::move(other); }
  TpmHandle& operator=(TpmHandle&& other) noexcept {
    std::swap(tpm_, other.tpm_);
    std::swap(handle_, other.handle_);
    std::swap(persistent_, other.persistent_);
    return *this;
  }
  ~TpmHandle() { Flush(); }

  ESYS_TR get() const { return handle_; }
  // Where an ESYS call puts the handle it makes.
  ESYS_TR* out() { return &handle_; }
  void Flush();
  // Forgets it without flushing: it stays in the TPM.
  void Release() { handle_ = ESYS_TR_NONE; }
  void SetPersistent() { persistent_ = true; }

 private:
  EsysSession* tpm_ = nullptr;
  ESYS_TR handle_ = ESYS_TR_NONE;
  bool persistent_ = false;
};

// Not thread-safe. Handles must go before the session does. Each command is
// sent again while the TPM says that it is busy, as long as `retry` allows for
// all of them together; a TPM that wants to test itself is told to, once.
class EsysSession {
 public:
  static absl::StatusOr<std::unique_ptr<EsysSession>> Open(
      const std::string& tcti, TpmRetryOptions retry = {});
  ~EsysSession();

  ESYS_CONTEXT* esys() { return esys_; }

  // esys_parent.cc
  // The storage root that `parent` names (tpm.h). TpmAction::kNoRoot: it is
  // not there, or no storage key that can't leave this TPM; kGiveUp: no such
  // parent.
  absl::StatusOr<TpmHandle> OpenParent(uint32_t parent);
  // The primary under the owner hierarchy that tpm2-openssl and
  // tpm2-tss-engine derive for parent 0x40000001: the same template gives the
  // same key, so that each can load what the other made.
  absl::StatusOr<TpmHandle> CreatePrimary();
  // The object's name: the hash of its public area (Part 1, 16).
  absl::StatusOr<Bytes> NameOf(const TpmHandle& object);

  // An HMAC session salted to `primary`. Each command below that has one
  // encrypts what of its first parameters can be, in both directions: who
  // listens on the bus learns and changes nothing.
  absl::StatusOr<TpmHandle> StartSession(const TpmHandle& primary) {
    return StartSession(primary, TPM2_SE_HMAC);
  }

  // esys_policy.cc
  // As an HMAC session, for a key with a PCR policy.
  absl::StatusOr<TpmHandle> StartPolicySession(const TpmHandle& primary) {
    return StartSession(primary, TPM2_SE_POLICY);
  }
  // Once before each use of the key. TpmAction::kKeyLost: the PCRs are not what
  // they were.
  absl::Status SatisfyPolicy(const TpmHandle& session, const PcrPolicy& policy,
                             bool with_auth);
  absl::Status SetAuth(const TpmHandle& object, const Secret& auth);
  // Of these PCRs as they are now.
  absl::StatusOr<PcrPolicy> MakePolicy(const std::vector<int>& pcrs);

  // TpmAction::kUnsupported when the TPM has no keys of `type`.
  absl::Status CheckSupported(KeyType type);
  absl::StatusOr<TpmKey> CreateKey(const TpmHandle& primary,
                                   const TpmHandle& session, KeyType type,
                                   const KeyProtection& protection = {});
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

  // esys_leftovers.cc
  // Flushes what a run of ours left that was killed, or that lost the answer
  // with a handle in it: objects of our own templates, and sessions. For TPMs
  // without a resource manager alone, where nobody else can be at work while
  // we are. What can't be flushed stays. An
  // error: the TPM does not say what it holds.
  absl::Status FlushLeftovers();
  // True when something could not be flushed.
  bool left_something() const { return left_something_; }

 private:
  friend class TpmHandle;
  EsysSession(std::string tcti, TpmRetryOptions retry)
      : tcti_(std::move(tcti)), patience_(std::move(retry)) {}
  absl::StatusOr<TpmHandle> StartSession(const TpmHandle& primary,
                                         TPM2_SE type);
  TSS2_RC Do(absl::FunctionRef<TSS2_RC()> command);
  absl::Status Error(TSS2_RC rc, const char* what);
  // Says how long the lockout lasts, if the TPM does.
  absl::Status LockedOut(absl::Status status);
  absl::Status CheckStorageParent(uint32_t parent, const TPM2B_PUBLIC& area);
  void Flush(ESYS_TR handle);
  void FlushIfOurs(TPM2_HANDLE found);
  absl::StatusOr<std::vector<TPM2_HANDLE>> Handles(UINT32 first);
  // Which directions' first parameters the next command has to encrypt.
  TSS2_RC SetEncryption(const TpmHandle& session, TPMA_SESSION directions);
  absl::StatusOr<TpmKey> Create(const TpmHandle& primary,
                                const TpmHandle& session,
                                const TPM2B_SENSITIVE_CREATE& sensitive,
                                const TPM2B_PUBLIC& wanted, const char* what);

  const std::string tcti_;
  TpmPatience patience_;
  bool self_tested_ = false;
  bool left_something_ = false;
  TSS2_RC connection_lost_ = TSS2_RC_SUCCESS;
  TSS2_TCTI_CONTEXT* tcti_context_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
};

}  // namespace bestow

#endif  // COMMON_TPM_ESYS_SESSION_H_
