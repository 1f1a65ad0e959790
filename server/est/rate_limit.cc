#include "server/est/rate_limit.h"

#include <algorithm>

namespace bestow::server {

absl::Duration RateLimit::Take(const std::string& label, int per_minute,
                               absl::Time now) {
  if (per_minute <= 0) return absl::ZeroDuration();
  const double capacity = per_minute;
  const double per_second = capacity / 60;
  std::lock_guard<std::mutex> lock(mutex_);
  auto [it, added] = buckets_.try_emplace(label, Bucket{capacity, now});
  Bucket& bucket = it->second;
  // A clock that was set back fills nothing and takes nothing away.
  const absl::Duration passed =
      std::max(now - bucket.filled_at, absl::ZeroDuration());
  bucket.tokens = std::min(
      capacity, bucket.tokens + absl::ToDoubleSeconds(passed) * per_second);
  bucket.filled_at = now;
  // What rounding takes away must not cost a whole token.
  constexpr double kAlmostOne = 1 - 1e-6;
  if (bucket.tokens >= kAlmostOne) {
    bucket.tokens = std::max(0.0, bucket.tokens - 1);
    return absl::ZeroDuration();
  }
  return absl::Seconds((1 - bucket.tokens) / per_second);
}

}  // namespace bestow::server
