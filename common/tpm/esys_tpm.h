// A TPM 2.0 over the TSS's ESYS, reached through a TCTI string.
#ifndef COMMON_TPM_ESYS_TPM_H_
#define COMMON_TPM_ESYS_TPM_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "common/tpm/retry.h"
#include "common/tpm/rsa_pss.h"
#include "common/tpm/tpm.h"

namespace bestow {

struct EsysTpmOptions {
  // "device:/dev/tpmrm0", "swtpm:path=/run/swtpm.sock".
  std::string tcti;
  // Of new keys and secrets: kParentOwner, or a persistent handle. Those that
  // exist say themselves what theirs is.
  uint32_t parent = kParentOwner;
  TpmRetryOptions retry;
};

// True for TCTIs behind which nobody cleans up after a program: a bare chip
// (/dev/tpm0), an emulator.
bool LacksResourceManager(std::string_view tcti);

// Opens the TPM for each call and lets go of it after: chips and emulators
// without a resource manager serve one program at a time, and others have to
// get their turn. Every object and session it makes is flushed before that.
// What could not be, because a process was killed or the connection broke, is
// flushed by the next call where no resource manager does so.
class EsysTpm : public Tpm {
 public:
  // Nothing is opened yet.
  explicit EsysTpm(EsysTpmOptions options);
  explicit EsysTpm(std::string tcti)
      : EsysTpm(EsysTpmOptions{.tcti = std::move(tcti), .retry = {}}) {}

  using Tpm::CreateKey;
  absl::StatusOr<TpmKey> CreateKey(KeyType type,
                                   const KeyProtection& protection) override;
  absl::StatusOr<Bytes> Sign(const TpmKey& key, SignatureAlgorithm algorithm,
                             ByteView message) override;
  absl::StatusOr<Secret> RsaOaepDecrypt(const TpmKey& key,
                                        ByteView ciphertext) override;
  absl::StatusOr<SealedBlob> Seal(const Secret& secret) override;
  absl::StatusOr<Secret> Unseal(const SealedBlob& blob) override;
  absl::Status Check() override;
  absl::Status CheckKey(const TpmKey& key) override;

 private:
  struct Opened;
  using Work = absl::FunctionRef<absl::Status(Opened&)>;
  // Opens the TPM, its `parent` and a session, and does `work` with them; once
  // more where that helps.
  absl::Status Run(uint32_t parent, Work work);
  absl::Status RunOnce(uint32_t parent, Work work);
  // The same with `key` loaded.
  absl::Status RunWith(const TpmKey& key, Work work);
  absl::Status Load(Opened& tpm, const TpmKey& key);
  // Once before each command that uses `key`.
  absl::Status Authorize(Opened& tpm, const TpmKey& key);

  const EsysTpmOptions options_;
  // False when something of ours may be in the TPM: after a failed call, and
  // at first, as the process before this one may have been killed.
  bool clean_ = false;
  // Keys with passwords that the TPM refused, and when: each try more brings
  // the lockout nearer.
  std::map<Bytes, absl::Time> refused_;
  RsaPssSigner rsa_pss_;  // remembers how this TPM salts
};

}  // namespace bestow

#endif  // COMMON_TPM_ESYS_TPM_H_
