// A TPM 2.0 over the TSS's ESYS, reached through a TCTI string.
#ifndef COMMON_TPM_ESYS_TPM_H_
#define COMMON_TPM_ESYS_TPM_H_

#include <memory>
#include <string>

#include "common/tpm/rsa_pss.h"
#include "common/tpm/tpm.h"

namespace bestow {

// Opens the TPM for each call and lets go of it after: chips and emulators
// without a resource manager serve one program at a time, and others have to
// get their turn. Every object and session it makes is flushed before that.
class EsysTpm : public Tpm {
 public:
  // "device:/dev/tpmrm0", "swtpm:path=/run/swtpm.sock". Nothing is opened yet.
  explicit EsysTpm(std::string tcti);

  absl::StatusOr<TpmKey> CreateKey(KeyType type) override;
  absl::StatusOr<Bytes> Sign(const TpmKey& key, SignatureAlgorithm algorithm,
                             ByteView message) override;
  absl::StatusOr<Secret> RsaOaepDecrypt(const TpmKey& key,
                                        ByteView ciphertext) override;
  absl::StatusOr<SealedBlob> Seal(const Secret& secret) override;
  absl::StatusOr<Secret> Unseal(const SealedBlob& blob) override;
  absl::Status Check() override;

 private:
  const std::string tcti_;
  RsaPssSigner rsa_pss_;  // remembers how this TPM salts
};

}  // namespace bestow

#endif  // COMMON_TPM_ESYS_TPM_H_
