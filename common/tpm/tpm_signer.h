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

// Runs TPM commands one after the other on a thread of its own, taking turns
// between its queues: whoever has much to do makes nobody wait for more than
// one job of his. Thread-safe.
class TpmWorker {
 private:
  struct Line;
  struct State;

 public:
  using Job = std::function<void(Tpm&)>;

  // Where one user of the TPM queues up. Copies are the same queue; it may
  // outlive the worker, and what is posted then is dropped. Thread-safe.
  class Queue {
   public:
    // Runs `job` on the TPM's thread, after what was posted to this queue
    // before.
    void Post(Job job) const;

   private:
    friend class TpmWorker;
    Queue(std::shared_ptr<State> state, std::shared_ptr<Line> line);
    std::shared_ptr<State> state_;
    std::shared_ptr<Line> line_;
  };

  explicit TpmWorker(std::unique_ptr<Tpm> tpm);
  // Waits for the command under way; what is queued behind it is dropped. By a
  // job of its own it can go as well: that job is the last.
  ~TpmWorker();

  Queue NewQueue();
  // True while a job runs or waits.
  bool busy() const;

 private:
  // Guarded by the state's mutex.
  struct Line {
    std::deque<Job> jobs;
  };
  // Outlives the worker in a thread whose job has destroyed it, and in queues.
  struct State {
    std::unique_ptr<Tpm> tpm;  // for the thread alone
    absl::Mutex mutex;
    // Those that have a job, the next one to serve in front.
    std::deque<std::shared_ptr<Line>> waiting ABSL_GUARDED_BY(mutex);
    bool running ABSL_GUARDED_BY(mutex) = false;
    bool stopping ABSL_GUARDED_BY(mutex) = false;
  };
  static void Loop(State& state);

  const std::shared_ptr<State> state_;
  std::thread thread_;  // last: it uses the above
};

// A key in the TPM. Sign() returns at once; `done` runs on the TPM's thread.
// After the worker is gone, it does not run any more.
class TpmSigner : public Signer {
 public:
  // kInvalidArgument when the public blob is no signing key (tpm_public.h).
  static absl::StatusOr<std::shared_ptr<TpmSigner>> Create(
      TpmWorker::Queue queue, TpmKey key);

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
  TpmSigner(TpmWorker::Queue queue, TpmKey key, Bytes spki, KeyType type);

  const TpmWorker::Queue queue_;
  const std::shared_ptr<const TpmKey> key_;
  const Bytes spki_;
  const KeyType type_;
  // Shared with jobs, which may outlive the signer.
  const std::shared_ptr<LastError> last_error_;
};

}  // namespace bestow

#endif  // COMMON_TPM_TPM_SIGNER_H_
