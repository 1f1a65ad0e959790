// When a certificate may be renewed, and when it had better be.
#ifndef SERVER_POLICY_RENEWAL_RULES_H_
#define SERVER_POLICY_RENEWAL_RULES_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace bestow::server {

struct Lifetime {
  absl::Time not_before;
  absl::Time not_after;
};

struct TimeWindow {
  absl::Time start;
  absl::Time end;
  bool operator==(const TimeWindow&) const = default;
};

// When clients are told to renew (renewal information): from two thirds of the
// lifetime on, but not before `renewal_window` opens, and until half of the
// time that is left by then, so that a client whose first tries fail has the
// other half.
// `renewal_window`: this long before notAfter; zero: always open.
TimeWindow SuggestedWindow(const Lifetime& lifetime,
                           absl::Duration renewal_window);

// kFailedPrecondition, saying when, while it is too early. An order of the
// operator's to renew before the time opens the window from its start on;
// `order_start` is InfiniteFuture without one.
absl::Status CheckRenewalTime(const Lifetime& lifetime,
                              absl::Duration renewal_window,
                              absl::Time order_start, absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_POLICY_RENEWAL_RULES_H_
