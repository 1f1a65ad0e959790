// The one thread that writes: many records to one fsync.
#ifndef SERVER_STORE_STORE_WRITER_H_
#define SERVER_STORE_STORE_WRITER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/store/sql.h"

namespace bestow::server {

// Group commit: the writer takes what has gathered in its queue while the
// last commit was on its way to the disk, runs each job in a SAVEPOINT of one
// transaction (so that one that fails takes none with it), commits once, and
// only then tells each caller. A connection that is lost fails what it was
// doing with kUnavailable, and is made again, at growing intervals.
class StoreWriter {
 public:
  // `run` works inside the transaction; `finish` gets its status, or why the
  // transaction failed.
  struct Job {
    std::function<absl::Status(SqlConnection&)> run;
    std::function<void(absl::Status)> finish;
  };

  // `engine` must outlive it.
  StoreWriter(SqlEngine& engine, std::unique_ptr<SqlConnection> connection,
              size_t max_queued, size_t max_batch);
  // Finishes what is queued, calling every `finish`.
  ~StoreWriter();

  // `finish` is called once, on the writer's thread, or at once, with
  // kResourceExhausted, when the queue is full.
  void Submit(Job job);
  int64_t commit_count() const;

 private:
  void Loop();
  void RunBatch(std::vector<Job>& batch);
  // A transaction has begun, on a connection that is made again if need be.
  absl::Status Begin();
  absl::Status Connect();
  void TellAll(std::vector<Job>& batch, const absl::Status& transaction,
               std::vector<absl::Status> results);

  SqlEngine& engine_;
  const size_t max_queued_;
  const size_t max_batch_;
  // The thread's own.
  std::unique_ptr<SqlConnection> connection_;
  absl::Duration backoff_;
  absl::Time next_attempt_ = absl::InfinitePast();
  absl::Status last_failure_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  int64_t commit_count_ = 0;

  std::thread thread_;  // last: starts when the rest is whole
};

}  // namespace bestow::server

#endif  // SERVER_STORE_STORE_WRITER_H_
