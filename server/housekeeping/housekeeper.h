// What the running server has to do at times: CRLs, renewals of its own
// certificates, the switch of a rollover.
#ifndef SERVER_HOUSEKEEPING_HOUSEKEEPER_H_
#define SERVER_HOUSEKEEPING_HOUSEKEEPER_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace bestow::server {

// One thread for all tasks, which run one after the other. Thread-safe, but
// for Start(), Stop() and the destructor.
class Housekeeper {
 public:
  // Does what is due at `now`, and returns when it wants to run again. It
  // should not take longer than a signature and a commit: others wait. One that
  // returned a time not later than `now` waits for a moment nevertheless.
  // NOT given: retries. A task that failed returns when it tries again, and
  // logs why.
  using Task = std::function<absl::Time(absl::Time now)>;

  // `clock` must outlive it.
  explicit Housekeeper(const Clock& clock) : clock_(clock) {}
  // As Stop().
  ~Housekeeper() { Stop(); }
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

  // `task` is run first as soon as the thread runs. A name is added once.
  void Add(std::string name, Task task);
  // Runs that task soon, also when it is just running. Never waits. No task of
  // that name: nothing.
  void Wake(std::string_view name);

  // Begins the thread. The clock is looked at once a minute at least, so that
  // one that was set, or a machine that slept, delays nothing for long; when it
  // went back, every task runs again.
  void Start();
  // Waits for the task that runs; then none runs any more.
  void Stop();

  // One round of what the thread does: runs what is due now, and returns how
  // long nothing will be. For tests that start no thread.
  absl::Duration RunDue();

 private:
  struct Entry {
    std::string name;
    Task task;
    absl::Time due = absl::InfinitePast();
  };

  void Run();
  // The first that is due, marked as running; nullptr: none.
  Entry* TakeDue(absl::Time now);

  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::unique_ptr<Entry>> entries_;  // never removed
  absl::Time looked_at_ = absl::InfinitePast();
  bool stopping_ = false;
  bool woken_ = false;
  std::thread thread_;
};

}  // namespace bestow::server

#endif  // SERVER_HOUSEKEEPING_HOUSEKEEPER_H_
