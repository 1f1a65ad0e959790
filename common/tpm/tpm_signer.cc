#include "common/tpm/tpm_signer.h"

#include <utility>

#include "common/tpm/tpm_public.h"

namespace bestow {

TpmWorker::TpmWorker(std::unique_ptr<Tpm> tpm)
    : state_(std::make_shared<State>()) {
  state_->tpm = std::move(tpm);
  thread_ = std::thread([state = state_] { Loop(*state); });
}

TpmWorker::~TpmWorker() {
  // Jobs may hold the last reference to anything: not under the lock.
  std::deque<std::shared_ptr<Line>> dropped;
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stopping = true;
    dropped.swap(state_->waiting);
  }
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
  for (const std::shared_ptr<Line>& line : dropped) line->jobs.clear();
}

TpmWorker::Queue::Queue(std::shared_ptr<State> state,
                        std::shared_ptr<Line> line)
    : state_(std::move(state)), line_(std::move(line)) {}

TpmWorker::Queue TpmWorker::NewQueue() {
  return Queue(state_, std::make_shared<Line>());
}

void TpmWorker::Queue::Post(Job job) const {
  absl::MutexLock lock(&state_->mutex);
  if (state_->stopping) return;
  line_->jobs.push_back(std::move(job));
  if (line_->jobs.size() == 1) state_->waiting.push_back(line_);
}

bool TpmWorker::busy() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->running || !state_->waiting.empty();
}

void TpmWorker::Loop(State& state) {
  for (;;) {
    Job job;
    {
      auto ready = [&state]() ABSL_SHARED_LOCKS_REQUIRED(state.mutex) {
        return state.stopping || !state.waiting.empty();
      };
      absl::MutexLock lock(&state.mutex);
      state.running = false;
      state.mutex.Await(absl::Condition(&ready));
      if (state.stopping) return;
      std::shared_ptr<Line> line = std::move(state.waiting.front());
      state.waiting.pop_front();
      job = std::move(line->jobs.front());
      line->jobs.pop_front();
      // One job, then it is the others' turn.
      if (!line->jobs.empty()) state.waiting.push_back(std::move(line));
      state.running = true;
    }
    job(*state.tpm);
  }
}

absl::StatusOr<std::shared_ptr<TpmSigner>> TpmSigner::Create(
    TpmWorker::Queue queue, TpmKey key) {
  absl::StatusOr<TpmPublic> pub = ParseTpmPublic(key.public_blob);
  if (!pub.ok()) return pub.status();
  absl::StatusOr<Bytes> spki = TpmPublicToSpki(key.public_blob);
  if (!spki.ok()) return spki.status();
  return std::shared_ptr<TpmSigner>(new TpmSigner(
      std::move(queue), std::move(key), *std::move(spki), pub->type));
}

TpmSigner::TpmSigner(TpmWorker::Queue queue, TpmKey key, Bytes spki,
                     KeyType type)
    : queue_(std::move(queue)),
      key_(std::make_shared<const TpmKey>(std::move(key))),
      spki_(std::move(spki)),
      type_(type),
      last_error_(std::make_shared<LastError>()) {}

void TpmSigner::Sign(SignatureAlgorithm algorithm, ByteView message,
                     Done done) {
  if (absl::Status s = CheckSignatureAlgorithm(*this, algorithm); !s.ok()) {
    return done(std::move(s));
  }
  queue_.Post([key = key_, last_error = last_error_, algorithm,
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
