// For tests: a clock that stands until it is told.
#ifndef COMMON_BASE_FAKE_CLOCK_H_
#define COMMON_BASE_FAKE_CLOCK_H_

#include <mutex>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace bestow {

// Thread-safe.
class FakeClock : public Clock {
 public:
  absl::Time Now() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return now_;
  }
  // Negative: it is set back.
  void Advance(absl::Duration by) {
    std::lock_guard<std::mutex> lock(mutex_);
    now_ += by;
  }

 private:
  mutable std::mutex mutex_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
};

}  // namespace bestow

#endif  // COMMON_BASE_FAKE_CLOCK_H_
