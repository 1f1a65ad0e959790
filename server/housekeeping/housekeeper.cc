#include "server/housekeeping/housekeeper.h"

#include <algorithm>
#include <utility>

#include "absl/log/check.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kLongestWait = absl::Minutes(1);
// A task that is always due must not keep the machine busy.
constexpr absl::Duration kShortestWait = absl::Milliseconds(200);

}  // namespace

void Housekeeper::Add(std::string name, Task task) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const std::unique_ptr<Entry>& entry : entries_) {
    CHECK(entry->name != name) << "two tasks are called " << name;
  }
  auto entry = std::make_unique<Entry>();
  entry->name = std::move(name);
  entry->task = std::move(task);
  entries_.push_back(std::move(entry));
  woken_ = true;
  wake_.notify_one();
}

void Housekeeper::Wake(std::string_view name) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const std::unique_ptr<Entry>& entry : entries_) {
    if (entry->name != name) continue;
    entry->due = absl::InfinitePast();
    woken_ = true;
    wake_.notify_one();
  }
}

Housekeeper::Entry* Housekeeper::TakeDue(absl::Time now) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return nullptr;
  for (const std::unique_ptr<Entry>& entry : entries_) {
    if (entry->due > now) continue;
    // A Wake() while it runs makes it due again.
    entry->due = absl::InfiniteFuture();
    return entry.get();
  }
  return nullptr;
}

absl::Duration Housekeeper::RunDue() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = false;
    const absl::Time now = clock_.Now();
    // What was planned by a clock that was wrong is planned again.
    if (now < looked_at_) {
      for (const std::unique_ptr<Entry>& entry : entries_) {
        entry->due = absl::InfinitePast();
      }
    }
    looked_at_ = now;
  }
  // Of one moment: a task that is due again at once waits for its next round.
  const absl::Time now = clock_.Now();
  while (Entry* entry = TakeDue(now)) {
    const absl::Time next = entry->task(clock_.Now());
    std::lock_guard<std::mutex> lock(mutex_);
    entry->due =
        std::min(entry->due, std::max(next, clock_.Now() + kShortestWait));
  }
  std::lock_guard<std::mutex> lock(mutex_);
  absl::Time next = absl::InfiniteFuture();
  for (const std::unique_ptr<Entry>& entry : entries_) {
    next = std::min(next, entry->due);
  }
  return std::clamp(next - clock_.Now(), absl::ZeroDuration(), kLongestWait);
}

void Housekeeper::Run() {
  for (;;) {
    const absl::Duration wait = RunDue();
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait_for(lock, absl::ToChronoNanoseconds(wait),
                   [this] { return stopping_ || woken_; });
    if (stopping_) return;
  }
}

void Housekeeper::Start() {
  CHECK(!thread_.joinable() && !stopping_) << "started twice";
  thread_ = std::thread([this] { Run(); });
}

void Housekeeper::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace bestow::server
