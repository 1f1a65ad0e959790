// A Tpm with software keys, for tests of what stands above it.
#ifndef AGENT_TPM_FAKE_TPM_H_
#define AGENT_TPM_FAKE_TPM_H_

#include <map>
#include <memory>

#include "agent/tpm/tpm.h"
#include "common/crypto/signer.h"

namespace bestow::agent {

class FakeTpm : public Tpm {
 public:
  absl::StatusOr<TpmKey> CreateKey() override;
  absl::StatusOr<Bytes> Sign(const TpmKey& key, ByteView message) override;
  absl::Status Check() override;

  // The command after the next `count` ones fails with `error`, once.
  void FailAfter(int count, absl::Status error);
  // As an owner's TPM2_Clear: keys made so far can't be loaded any more.
  void Clear() { keys_.clear(); }
  int commands() const { return commands_; }

 private:
  absl::Status NextCommand();

  // By the private blob.
  std::map<Bytes, std::unique_ptr<SoftwareSigner>> keys_;
  int commands_ = 0;
  int fail_at_ = 0;
  absl::Status error_;
};

}  // namespace bestow::agent

#endif  // AGENT_TPM_FAKE_TPM_H_
