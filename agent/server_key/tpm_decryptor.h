// A key in the TPM that opens EnvelopedData.
#ifndef AGENT_SERVER_KEY_TPM_DECRYPTOR_H_
#define AGENT_SERVER_KEY_TPM_DECRYPTOR_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/cms/decrypt.h"
#include "common/tpm/tpm.h"

namespace bestow::agent {

// Belongs to the TPM's thread; the TPM must outlive it.
class TpmDecryptor : public cms::KeyDecryptor {
 public:
  TpmDecryptor(Tpm& tpm, TpmKey key) : tpm_(tpm), key_(std::move(key)) {}

  absl::StatusOr<Secret> RsaOaepDecrypt(cms::Hash hash,
                                        ByteView ciphertext) override {
    if (hash != cms::Hash::kSha256) {
      return absl::FailedPreconditionError(
          "the key was encrypted by RSAES-OAEP with another hash than the "
          "SHA-256 that was asked for");
    }
    return tpm_.RsaOaepDecrypt(key_, ciphertext);
  }
  absl::StatusOr<Secret> EcdhAgree(ByteView) override {
    return absl::FailedPreconditionError("keys in the TPM do no key agreement");
  }

 private:
  Tpm& tpm_;
  const TpmKey key_;
};

}  // namespace bestow::agent

#endif  // AGENT_SERVER_KEY_TPM_DECRYPTOR_H_
