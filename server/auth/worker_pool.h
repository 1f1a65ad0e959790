// A fixed number of threads for work that would hold an event loop up.
#ifndef SERVER_AUTH_WORKER_POOL_H_
#define SERVER_AUTH_WORKER_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bestow::server {

// Thread-safe.
class WorkerPool {
 public:
  WorkerPool(size_t threads, size_t max_queued);
  // Finishes what is queued.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False, and nothing done, when the queue is full.
  [[nodiscard]] bool TrySubmit(std::function<void()> work);

 private:
  void Run();

  const size_t max_queued_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // last: they start when the rest is whole
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_WORKER_POOL_H_
