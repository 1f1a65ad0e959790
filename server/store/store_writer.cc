#include "server/store/store_writer.h"

#include <algorithm>
#include <utility>

#include "absl/log/log.h"
#include "absl/time/clock.h"
#include "common/base/failpoint.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kFirstBackoff = absl::Milliseconds(100);
constexpr absl::Duration kMaxBackoff = absl::Seconds(5);

// Runs one job so that its failure leaves the transaction as it was before.
// `transaction` becomes why, when the whole transaction must not be committed:
// the engine has rolled it back by itself (a full disk, a lost connection), or
// the failed job's writes could not be taken back.
absl::Status RunInSavepoint(
    SqlConnection& connection,
    const std::function<absl::Status(SqlConnection&)>& run,
    absl::Status* transaction) {
  *transaction = connection.Execute("SAVEPOINT job");
  if (!transaction->ok()) return *transaction;
  absl::Status result = run(connection);
  if (!connection.in_transaction()) {
    *transaction = result.ok()
                       ? absl::InternalError("the transaction has ended early")
                       : result;
    return *transaction;
  }
  if (!result.ok()) *transaction = connection.Execute("ROLLBACK TO job");
  if (transaction->ok()) *transaction = connection.Execute("RELEASE job");
  return result;
}

}  // namespace

StoreWriter::StoreWriter(SqlEngine& engine,
                         std::unique_ptr<SqlConnection> connection,
                         size_t max_queued, size_t max_batch)
    : engine_(engine),
      max_queued_(max_queued),
      max_batch_(max_batch),
      connection_(std::move(connection)),
      backoff_(kFirstBackoff),
      thread_([this] { Loop(); }) {}

StoreWriter::~StoreWriter() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void StoreWriter::Submit(Job job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (queue_.size() < max_queued_) {
      queue_.push_back(std::move(job));
      wake_.notify_one();
      return;
    }
  }
  job.finish(
      absl::ResourceExhaustedError("too many writes are waiting for the disk"));
}

int64_t StoreWriter::commit_count() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return commit_count_;
}

void StoreWriter::Loop() {
  for (;;) {
    std::vector<Job> batch;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      while (!queue_.empty() && batch.size() < max_batch_) {
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    RunBatch(batch);
  }
}

absl::Status StoreWriter::Connect() {
  const absl::Time now = absl::Now();
  if (now < next_attempt_) return last_failure_;
  absl::StatusOr<std::unique_ptr<SqlConnection>> connection =
      engine_.Connect(SqlEngine::Access::kWrite);
  if (!connection.ok()) {
    last_failure_ = absl::UnavailableError(connection.status().message());
    LOG_IF(ERROR, backoff_ == kFirstBackoff) << last_failure_.message();
    next_attempt_ = absl::Now() + backoff_;
    backoff_ = std::min(2 * backoff_, kMaxBackoff);
    return last_failure_;
  }
  if (backoff_ != kFirstBackoff) LOG(INFO) << "database: connected again";
  backoff_ = kFirstBackoff;
  next_attempt_ = absl::InfinitePast();
  connection_ = *std::move(connection);
  return absl::OkStatus();
}

absl::Status StoreWriter::Begin() {
  if (connection_ != nullptr) {
    absl::Status status = connection_->BeginWriting();
    // One that was lost since the last batch is found out here, and nothing
    // is lost with it.
    if (connection_->is_alive()) return status;
    connection_.reset();
  }
  absl::Status status = Connect();
  if (!status.ok()) return status;
  return connection_->BeginWriting();
}

void StoreWriter::RunBatch(std::vector<Job>& batch) {
  std::vector<absl::Status> results;
  absl::Status status = Begin();
  for (size_t i = 0; status.ok() && i < batch.size(); ++i) {
    results.push_back(RunInSavepoint(*connection_, batch[i].run, &status));
  }
  if (status.ok() && Failpoint("store.before_commit")) {
    status = absl::InternalError("failpoint store.before_commit");
  }
  if (status.ok()) status = connection_->Execute("COMMIT");
  if (status.ok()) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++commit_count_;
    }
    if (Failpoint("store.after_commit")) {
      status = absl::InternalError("failpoint store.after_commit");
    }
  }
  // A rollback that fails leaves no transaction either, or the next BEGIN
  // says so.
  if (connection_ != nullptr && connection_->in_transaction()) {
    connection_->Execute("ROLLBACK").IgnoreError();
  }
  if (connection_ != nullptr && !connection_->is_alive()) connection_.reset();
  TellAll(batch, status, std::move(results));
}

void StoreWriter::TellAll(std::vector<Job>& batch,
                          const absl::Status& transaction,
                          std::vector<absl::Status> results) {
  for (size_t i = 0; i < batch.size(); ++i) {
    batch[i].finish(transaction.ok() ? std::move(results[i]) : transaction);
  }
}

}  // namespace bestow::server
