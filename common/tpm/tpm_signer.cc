#include "common/tpm/tpm_signer.h"

#include <utility>

#include "common/tpm/tpm_public.h"

namespace bestow {

TpmWorker::TpmWorker(std::unique_ptr<Tpm> tpm)
    : queue_(std::make_shared<Queue>()) {
  queue_->tpm = std::move(tpm);
  thread_ = std::thread([queue = queue_] { Loop(*queue); });
}

TpmWorker::~TpmWorker() {
  {
    absl::MutexLock lock(&queue_->mutex);
    queue_->stopping = true;
  }
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void TpmWorker::Post(std::function<void(Tpm&)> job) {
  absl::MutexLock lock(&queue_->mutex);
  queue_->jobs.push_back(std::move(job));
}

bool TpmWorker::busy() const {
  absl::MutexLock lock(&queue_->mutex);
  return queue_->running || !queue_->jobs.empty();
}

void TpmWorker::Loop(Queue& queue) {
  for (;;) {
    std::function<void(Tpm&)> job;
    {
      auto ready = [&queue]() ABSL_SHARED_LOCKS_REQUIRED(queue.mutex) {
        return queue.stopping || !queue.jobs.empty();
      };
      absl::MutexLock lock(&queue.mutex);
      queue.running = false;
      queue.mutex.Await(absl::Condition(&ready));
      if (queue.stopping) return;
      job = std::move(queue.jobs.front());
      queue.jobs.pop_front();
      queue.running = true;
    }
    job(*queue.tpm);
  }
}

absl::StatusOr<std::shared_ptr<TpmSigner>> TpmSigner::Create(TpmWorker& worker,
                                                             TpmKey key) {
  absl::StatusOr<TpmPublic> pub = ParseTpmPublic(key.public_blob);
  if (!pub.ok()) return pub.status();
  absl::StatusOr<Bytes> spki = TpmPublicToSpki(key.public_blob);
  if (!spki.ok()) return spki.status();
  return std::shared_ptr<TpmSigner>(
      new TpmSigner(worker, std::move(key), *std::move(spki), pub->type));
}

TpmSigner::TpmSigner(TpmWorker& worker, TpmKey key, Bytes spki, KeyType type)
    : worker_(worker),
      key_(std::make_shared<const TpmKey>(std::move(key))),
      spki_(std::move(spki)),
      type_(type),
      last_error_(std::make_shared<LastError>()) {}

void TpmSigner::Sign(SignatureAlgorithm algorithm, ByteView message,
                     Done done) {
  if (absl::Status s = CheckSignatureAlgorithm(*this, algorithm); !s.ok()) {
    return done(std::move(s));
  }
  worker_.Post([key = key_, last_error = last_error_, algorithm,
                message = ToBytes(message), done = std::move(done)](Tpm& tpm) {
    absl::StatusOr<Bytes> signature = tpm.Sign(*key, algorithm, message);
    {
      absl::MutexLock lock(&last_error->mutex);
      last_error->status = signature.status();
    }
    done(std::move(signature));
  });
}

absl::Status TpmSigner::last_error() const {
  absl::MutexLock lock(&last_error_->mutex);
  return last_error_->status;
}

}  // namespace bestow
