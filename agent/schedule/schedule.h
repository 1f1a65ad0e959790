// When to renew, and when to try again. Pure: time and randomness come in.
#ifndef AGENT_SCHEDULE_SCHEDULE_H_
#define AGENT_SCHEDULE_SCHEDULE_H_

#include "absl/time/time.h"

namespace bestow::agent {

struct ScheduleOptions {
  // Renewal is due after this share of the lifetime, which counts from when
  // the certificate was obtained (servers backdate not_before).
  double fraction = 0.66;
  // ... moved by up to this share of the lifetime, to spread a fleet.
  double jitter = 0.1;
  absl::Duration retry_min = absl::Seconds(5);
  absl::Duration retry_max = absl::Hours(1);
};

// What a server asks for by Retry-After is kept (RFC 7030 4.2.3), but no
// mistake of its can put a device to sleep for longer than a week.
inline constexpr absl::Duration kRetryAfterMin = absl::Seconds(1);
inline constexpr absl::Duration kRetryAfterMax = absl::Hours(24 * 7);
// Renewal leaves at least this share of the lifetime for tries.
inline constexpr double kLatestRenewal = 0.98;

// `draw` in [-1, 1) says where in the jitter's range. Never before
// `obtained_at`.
absl::Time RenewalTime(const ScheduleOptions& options, absl::Time obtained_at,
                       absl::Time not_after, double draw);

// Exponential with full jitter: uniform between retry_min and
// min(retry_max, retry_min * 2^failures). `failures` counts from 1; `draw` in
// [0, 1).
absl::Duration BackoffDelay(const ScheduleOptions& options, int failures,
                            double draw);

// A server's Retry-After within the bounds.
absl::Duration ClampRetryAfter(absl::Duration wanted);

}  // namespace bestow::agent

#endif  // AGENT_SCHEDULE_SCHEDULE_H_
