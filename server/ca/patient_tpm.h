// A TPM that others use too.
#ifndef SERVER_CA_PATIENT_TPM_H_
#define SERVER_CA_PATIENT_TPM_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "common/tpm/tpm.h"

namespace bestow::server {

// Tries again for some seconds while the TPM's slots are full or it is busy:
// without a resource manager (/dev/tpmrm0), commands of other programs hold
// them for a moment. All else is the inner TPM's.
class PatientTpm : public Tpm {
 public:
  // `sleep`: absl::SleepFor, but in tests.
  PatientTpm(std::unique_ptr<Tpm> inner,
             std::function<void(absl::Duration)> sleep)
      : inner_(std::move(inner)), sleep_(std::move(sleep)) {}

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
  const std::unique_ptr<Tpm> inner_;
  const std::function<void(absl::Duration)> sleep_;
};

}  // namespace bestow::server

#endif  // SERVER_CA_PATIENT_TPM_H_
