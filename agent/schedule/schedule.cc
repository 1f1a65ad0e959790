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

absl::Duration Jittered(absl::Duration interval, double draw) {
  return interval * (0.9 + 0.2 * draw);
}

absl::Duration InfoDelay(absl::Duration interval, absl::Duration lifetime,
                         std::optional<absl::Duration> retry_after,
                         double draw) {
  // An eighth: short-lived certificates are worth more questions.
  const absl::Duration usual = Jittered(std::min(interval, lifetime / 8), draw);
  return std::clamp(retry_after.value_or(usual), kInfoDelayMin, kInfoDelayMax);
}

std::optional<absl::Time> PickRenewal(absl::Time obtained_at,
                                      absl::Time not_after, absl::Time start,
                                      absl::Time end, double draw) {
  const absl::Duration lifetime =
      std::max(not_after - obtained_at, absl::ZeroDuration());
  const absl::Time latest = obtained_at + lifetime * kLatestRenewal;
  if (start >= end || start >= latest) return std::nullopt;
  const absl::Time earliest =
      obtained_at + std::min(kRenewalSpacing, lifetime * kRenewalSpacingShare);
  const absl::Time picked = start + (std::min(end, latest) - start) * draw;
  return std::max(picked, earliest);
}

}  // namespace bestow::agent
