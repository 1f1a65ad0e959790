#include "agent/schedule/schedule.h"

#include <algorithm>

namespace bestow::agent {

absl::Time RenewalTime(const ScheduleOptions& options, absl::Time obtained_at,
                       absl::Time not_after, double draw) {
  const absl::Duration lifetime =
      std::max(not_after - obtained_at, absl::ZeroDuration());
  const double share =
      std::clamp(options.fraction + options.jitter * draw, 0.0, kLatestRenewal);
  return obtained_at + lifetime * share;
}

absl::Duration BackoffDelay(const ScheduleOptions& options, int failures,
                            double draw) {
  absl::Duration ceiling = options.retry_min;
  for (int i = 0; i < failures && ceiling < options.retry_max; ++i) {
    ceiling *= 2;
  }
  ceiling = std::min(ceiling, options.retry_max);
  return options.retry_min + (ceiling - options.retry_min) * draw;
}

absl::Duration ClampRetryAfter(absl::Duration wanted) {
  return std::clamp(wanted, kRetryAfterMin, kRetryAfterMax);
}

}  // namespace bestow::agent
