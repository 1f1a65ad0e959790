// How long to bear with a TPM that is busy.
#ifndef COMMON_TPM_RETRY_H_
#define COMMON_TPM_RETRY_H_

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace bestow {

// A chip that tests itself or writes its flash needs up to seconds; one that
// rate-limits its flash (TPM_RC_NV_RATE) more. The agent gives up on a call
// after three minutes.
struct TpmRetryOptions {
  absl::Duration first_pause = absl::Milliseconds(20);
  absl::Duration longest_pause = absl::Seconds(2);
  absl::Duration total = absl::Seconds(30);
  std::function<void(absl::Duration)> sleep = absl::SleepFor;
};

// The pauses of one call, however many commands it has. Not thread-safe.
class TpmPatience {
 public:
  explicit TpmPatience(TpmRetryOptions options)
      : options_(std::move(options)), next_(options_.first_pause) {}

  // Waits, each time twice as long as before; false, at once, when what is
  // left of the total does not suffice.
  bool Pause() {
    if (slept_ + next_ > options_.total) return false;
    options_.sleep(next_);
    slept_ += next_;
    next_ = std::min(next_ * 2, options_.longest_pause);
    return true;
  }
  // A command went through: the next trouble is a new one, within the total.
  void Relax() { next_ = options_.first_pause; }

 private:
  const TpmRetryOptions options_;
  absl::Duration next_;
  absl::Duration slept_;
};

}  // namespace bestow

#endif  // COMMON_TPM_RETRY_H_
