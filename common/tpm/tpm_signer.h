// A thread for the TPM, and keys in it as Signers.
#ifndef COMMON_TPM_TPM_SIGNER_H_
#define COMMON_TPM_TPM_SIGNER_H_

#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/crypto/signer.h"
#include "common/tpm/tpm.h"

namespace bestow {

// Runs TPM commands one after the other on a thread of its own. Thread-safe.
class TpmWorker {
 public:
  explicit TpmWorker(std::unique_ptr<Tpm> tpm);
  // Waits for the command under way; what is queued behind it is dropped. By a
  // job of its own it can go as well: that job is the last.
  ~TpmWorker();

  // Runs `job` on the TPM's thread, in order.
  void Post(std::function<void(Tpm&)> job);
  // True while a job runs or waits.
  bool busy() const;

 private:
  // Outlives the worker in a thread whose job has destroyed it.
  struct Queue {
    std::unique_ptr<Tpm> tpm;
    absl::Mutex mutex;
    std::deque<std::function<void(Tpm&)>> jobs ABSL_GUARDED_BY(mutex);
    bool running ABSL_GUARDED_BY(mutex) = false;
    bool stopping ABSL_GUARDED_BY(mutex) = false;
  };
  static void Loop(Queue& queue);

  const std::shared_ptr<Queue> queue_;
  std::thread thread_;  // last: it uses the above
};

// A key in the TPM. Sign() returns at once; `done` runs on the TPM's thread.
// The worker must outlive the signer's last use.
class TpmSigner : public Signer {
 public:
  // kInvalidArgument when the public blob is no signing key (tpm_public.h).
  static absl::StatusOr<std::shared_ptr<TpmSigner>> Create(TpmWorker& worker,
                                                           TpmKey key);

  const Bytes& public_key_spki() const override { return spki_; }
  KeyType type() const { return type_; }
  SignatureAlgorithm algorithm() const override {
    return SignatureAlgorithmOf(type_);
  }
  void Sign(SignatureAlgorithm algorithm, ByteView message, Done done) override;

  // Why the last signature failed; OK when it did not. TLS reports a failed
  // signature as a failed handshake, this says what the TPM said.
  absl::Status last_error() const;

 private:
  struct LastError {
    absl::Mutex mutex;
    absl::Status status ABSL_GUARDED_BY(mutex);
  };
  TpmSigner(TpmWorker& worker, TpmKey key, Bytes spki, KeyType type);

  TpmWorker& worker_;
  const std::shared_ptr<const TpmKey> key_;
  const Bytes spki_;
  const KeyType type_;
  // Shared with jobs, which may outlive the signer.
  const std::shared_ptr<LastError> last_error_;
};

}  // namespace bestow

#endif  // COMMON_TPM_TPM_SIGNER_H_
