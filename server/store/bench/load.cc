#include "server/store/bench/load.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/time/clock.h"

namespace bestow::server {

absl::StatusOr<absl::Duration> RunLoad(Store& store,
                                       const std::function<Issuance()>& next,
                                       int clients, int64_t records) {
  std::mutex mutex;
  std::condition_variable wake;
  int64_t begun = 0;
  int64_t ended = 0;
  absl::Status failure;
  // With the lock.
  std::function<void()> begin = [&] {
    Issuance issuance = next();
    ++begun;
    store.Issue(std::move(issuance), [&](absl::StatusOr<Issued> issued) {
      std::lock_guard<std::mutex> lock(mutex);
      ++ended;
      if (!issued.ok()) failure = issued.status();
      if (failure.ok() && begun < records) begin();
      if (ended == begun) wake.notify_one();
    });
  };
  const absl::Time start = absl::Now();
  std::unique_lock<std::mutex> lock(mutex);
  for (int i = 0; i < clients && begun < records; ++i) begin();
  wake.wait(lock, [&] { return ended == begun; });
  if (!failure.ok()) return failure;
  return absl::Now() - start;
}

}  // namespace bestow::server
