#include "server/auth/try_limiter.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <openssl/siphash.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"

namespace bestow::server {
namespace {

constexpr size_t kIpv6PrefixOctets = 8;

std::array<uint64_t, 2> RandomHashKey() {
  std::array<uint64_t, 2> key;
  RAND_bytes(reinterpret_cast<uint8_t*>(key.data()), sizeof(key));
  return key;
}

}  // namespace

TryLimiter::TryLimiter(const Options& options)
    : options_(options), hash_key_(RandomHashKey()) {
  for (std::vector<int64_t>& row : full_at_ns_) row.assign(kBuckets, 0);
}

TryLimiter::Slots TryLimiter::SlotsOf(std::string_view key) const {
  const ByteView bytes = AsBytes(key);
  const uint64_t hash =
      SIPHASH_24(hash_key_.data(), bytes.data(), bytes.size());
  return Slots{{static_cast<size_t>(hash % kBuckets),
                static_cast<size_t>((hash >> 32) % kBuckets)}};
}

absl::Time TryLimiter::FullAt(size_t row, size_t index, absl::Time now) const {
  // No further off than an empty bucket's: the clock may have been set back.
  return std::clamp(absl::FromUnixNanos(full_at_ns_[row][index]), now,
                    now + options_.burst * options_.interval);
}

absl::Duration TryLimiter::Wait(std::string_view key, absl::Time now) const {
  if (options_.burst <= 0) return absl::ZeroDuration();
  const Slots slots = SlotsOf(key);
  std::lock_guard<std::mutex> lock(mutex_);
  absl::Time full_at = absl::InfiniteFuture();
  for (size_t row = 0; row < kRows; ++row) {
    full_at = std::min(full_at, FullAt(row, slots.index[row], now));
  }
  const absl::Time one_more =
      full_at - (options_.burst - 1) * options_.interval;
  return std::max(one_more - now, absl::ZeroDuration());
}

void TryLimiter::CountWrong(std::string_view key, absl::Time now) {
  if (options_.burst <= 0) return;
  const Slots slots = SlotsOf(key);
  std::lock_guard<std::mutex> lock(mutex_);
  for (size_t row = 0; row < kRows; ++row) {
    const absl::Time full_at =
        std::min(FullAt(row, slots.index[row], now) + options_.interval,
                 now + options_.burst * options_.interval);
    full_at_ns_[row][slots.index[row]] = absl::ToUnixNanos(full_at);
  }
}

std::string SourceKey(std::string_view remote_address) {
  std::string host(remote_address.substr(0, remote_address.rfind(':')));
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  }
  // A link-local address may carry its interface.
  in6_addr address;
  if (inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &address) !=
      1) {
    return absl::StrCat("4:", host);
  }
  return absl::StrCat("6:",
                      AsText(ByteView(address.s6_addr, kIpv6PrefixOctets)));
}

}  // namespace bestow::server
