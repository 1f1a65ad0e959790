// When to renew, and when to try again. Pure: time and randomness come in.
#ifndef AGENT_SCHEDULE_SCHEDULE_H_
#define AGENT_SCHEDULE_SCHEDULE_H_

#include <optional>

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
  // Between renewals the server's /cacerts and its renewal information are
  // asked for about this often; InfiniteDuration: never.
  absl::Duration cacerts_interval = absl::Hours(24);
  absl::Duration info_interval = absl::Hours(6);
  // A renewal keeps its key (RFC 7030 4.2.2: renewal), else it makes a new one
  // (rekey).
  bool same_key = false;
  // For so long after its expiry a certificate is still shown for a
  // re-enrollment; whether it is taken is the server's to say.
  absl::Duration expired_grace;
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

// When to ask for renewal information again: what the server said, within
// bounds, or `interval` and in any case often within `lifetime`; `draw` in
// [0, 1) spreads a fleet.
inline constexpr absl::Duration kInfoDelayMin = absl::Minutes(1);
inline constexpr absl::Duration kInfoDelayMax = absl::Hours(24 * 7);
absl::Duration InfoDelay(absl::Duration interval, absl::Duration lifetime,
                         std::optional<absl::Duration> retry_after,
                         double draw);

// `interval`, a tenth more or less by `draw` in [0, 1).
absl::Duration Jittered(absl::Duration interval, double draw);

// A uniformly random time in the server's window [start, end), which may have
// passed: renew now, then. nullopt for a window that makes no sense: empty, or
// one that begins when hardly any lifetime is left. What lies beyond
// kLatestRenewal of the lifetime is not picked; nor is the time right after
// `obtained_at`, so that a server which always says "now" gets no storm.
// `draw` in [0, 1).
inline constexpr absl::Duration kRenewalSpacing = absl::Hours(1);
inline constexpr double kRenewalSpacingShare = 0.05;  // or this, if shorter
std::optional<absl::Time> PickRenewal(absl::Time obtained_at,
                                      absl::Time not_after, absl::Time start,
                                      absl::Time end, double draw);

}  // namespace bestow::agent

#endif  // AGENT_SCHEDULE_SCHEDULE_H_
