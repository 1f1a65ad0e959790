// How often wrong credentials may come from one address, or for one user.
#ifndef SERVER_AUTH_TRY_LIMITER_H_
#define SERVER_AUTH_TRY_LIMITER_H_

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace bestow::server {

// A token bucket per key, in memory of a fixed size: a key is hashed (under a
// random key of the process, so that nobody can choose whom to collide with)
// to one bucket in each of two rows, and is held up when both are empty. So
// nothing is ever evicted, and what a flood of keys costs is that somebody
// else shares both buckets with two of them. Thread-safe.
class TryLimiter {
 public:
  struct Options {
    // So many wrong tries at once, then one more each interval. burst 0: no
    // limit.
    int burst = 10;
    absl::Duration interval = absl::Seconds(10);
  };
  static constexpr size_t kBuckets = 1 << 15;  // in each row; 512 KiB in all

  explicit TryLimiter(const Options& options);

  // Zero: may try. Else how long to wait before that can be true.
  absl::Duration Wait(std::string_view key, absl::Time now) const;
  // A try was wrong.
  void CountWrong(std::string_view key, absl::Time now);

 private:
  static constexpr size_t kRows = 2;
  struct Slots {
    std::array<size_t, kRows> index;
  };
  Slots SlotsOf(std::string_view key) const;
  // When the bucket will be full again, as far as that can be.
  absl::Time FullAt(size_t row, size_t index, absl::Time now) const;

  const Options options_;
  const std::array<uint64_t, 2> hash_key_;
  mutable std::mutex mutex_;
  std::array<std::vector<int64_t>, kRows> full_at_ns_;
};

// The key of an address, as common/net writes it ("192.0.2.7:50312",
// "[2001:db8::1]:443"): without the port, and of IPv6 the /64 alone, which is
// what one customer has.
std::string SourceKey(std::string_view remote_address);

}  // namespace bestow::server

#endif  // SERVER_AUTH_TRY_LIMITER_H_
