// A Tpm with software keys, for tests of what stands above it.
#ifndef COMMON_TPM_FAKE_TPM_H_
#define COMMON_TPM_FAKE_TPM_H_

#include <map>
#include <memory>
#include <set>

#include "common/crypto/signer.h"
#include "common/tpm/rsa_pss.h"
#include "common/tpm/tpm.h"

namespace bestow {

class FakeTpm : public Tpm {
 public:
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
  // Counts as no command, and does not fail as one.
  absl::Status CheckKey(const TpmKey& key) override;

  // The command after the next `count` ones fails with `error`, once.
  void FailAfter(int count, absl::Status error);
  // As an owner's TPM2_Clear: keys and secrets of before are lost.
  void Clear();
  // As another kernel's boot: keys that are bound to PCRs are no use any more.
  void ChangePcrs();
  // From now on it has no keys of `type`, as many chips have no P-384.
  void Lack(KeyType type) { lacks_.insert(type); }
  // From now on its PSS salts are as long as can be, as many chips' are.
  void SaltLong() { salts_long_ = true; }
  int commands() const { return commands_; }

 private:
  absl::Status NextCommand();

  // By the private blob.
  struct Key {
    std::unique_ptr<SoftwareSigner> signer;
    Secret auth;
    bool wants_pcrs = false;
  };
  // The key that can be used: kKeyLost, or the password is wrong.
  absl::StatusOr<SoftwareSigner*> Find(const TpmKey& key) const;
  std::map<Bytes, Key> keys_;
  std::map<Bytes, Secret> sealed_;
  std::set<KeyType> lacks_;
  bool salts_long_ = false;
  RsaPssSigner rsa_pss_;
  int commands_ = 0;
  int fail_at_ = 0;
  absl::Status error_;
};

}  // namespace bestow

#endif  // COMMON_TPM_FAKE_TPM_H_
