#include "server/policy/renewal_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

absl::Time WindowOpens(const Lifetime& lifetime,
                       absl::Duration renewal_window) {
  return renewal_window > absl::ZeroDuration()
             ? std::max(lifetime.not_before,
                        lifetime.not_after - renewal_window)
             : lifetime.not_before;
}

}  // namespace

TimeWindow SuggestedWindow(const Lifetime& lifetime,
                           absl::Duration renewal_window) {
  TimeWindow window;
  window.start = std::max(
      lifetime.not_after - (lifetime.not_after - lifetime.not_before) / 3,
      WindowOpens(lifetime, renewal_window));
  window.end = window.start + (lifetime.not_after - window.start) / 2;
  return window;
}

absl::Status CheckRenewalTime(const Lifetime& lifetime,
                              absl::Duration renewal_window,
                              absl::Time order_start, absl::Time now) {
  const absl::Time opens =
      std::min(WindowOpens(lifetime, renewal_window), order_start);
  if (now >= opens) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the certificate may be renewed from ",
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", opens, absl::UTCTimeZone()),
      " on, not yet"));
}

}  // namespace bestow::server
