#include "server/auth/try_limiter.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

constexpr TryLimiter::Options kOptions = {.burst = 3,
                                          .interval = absl::Seconds(10)};
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(TryLimiterTest, HoldsUpAfterSoManyWrongTries) {
  TryLimiter limiter(kOptions);
  for (int i = 0; i < kOptions.burst; ++i) {
    EXPECT_EQ(limiter.Wait("a", kNow), absl::ZeroDuration()) << i;
    limiter.CountWrong("a", kNow);
  }
  EXPECT_EQ(limiter.Wait("a", kNow), kOptions.interval);
  EXPECT_EQ(limiter.Wait("a", kNow + absl::Seconds(4)), absl::Seconds(6));
  EXPECT_EQ(limiter.Wait("b", kNow), absl::ZeroDuration());
}

TEST(TryLimiterTest, LetsOneMoreInEachInterval) {
  TryLimiter limiter(kOptions);
  for (int i = 0; i < kOptions.burst; ++i) limiter.CountWrong("a", kNow);
  absl::Time now = kNow + kOptions.interval;
  EXPECT_EQ(limiter.Wait("a", now), absl::ZeroDuration());
  limiter.CountWrong("a", now);
  EXPECT_EQ(limiter.Wait("a", now), kOptions.interval);
  // Full again after the whole time, and not fuller.
  now += 100 * kOptions.interval;
  for (int i = 0; i < kOptions.burst; ++i) {
    EXPECT_EQ(limiter.Wait("a", now), absl::ZeroDuration()) << i;
    limiter.CountWrong("a", now);
  }
  EXPECT_EQ(limiter.Wait("a", now), kOptions.interval);
}

// Tries that were under way when the last token went.
TEST(TryLimiterTest, NeverHoldsUpLongerThanAnInterval) {
  TryLimiter limiter(kOptions);
  for (int i = 0; i < 1000; ++i) limiter.CountWrong("a", kNow);
  EXPECT_EQ(limiter.Wait("a", kNow), kOptions.interval);
  // Nor when the clock is set back by a year.
  const absl::Time before = kNow - absl::Hours(24 * 365);
  EXPECT_EQ(limiter.Wait("a", before), kOptions.interval);
  EXPECT_EQ(limiter.Wait("a", before + kOptions.interval),
            kOptions.interval);  // only looked at: nothing has changed
  limiter.CountWrong("a", before);
  EXPECT_EQ(limiter.Wait("a", before + kOptions.interval),
            absl::ZeroDuration());
}

TEST(TryLimiterTest, BurstZeroIsNoLimit) {
  TryLimiter limiter({.burst = 0});
  for (int i = 0; i < 1000; ++i) limiter.CountWrong("a", kNow);
  EXPECT_EQ(limiter.Wait("a", kNow), absl::ZeroDuration());
}

// A flood of other keys makes room for nobody who is held up.
TEST(TryLimiterTest, ForgetsNobodyInAFlood) {
  TryLimiter limiter(kOptions);
  for (int i = 0; i < kOptions.burst; ++i) limiter.CountWrong("a", kNow);
  for (int i = 0; i < 100'000; ++i) {
    limiter.CountWrong(absl::StrCat("flood ", i), kNow);
  }
  EXPECT_EQ(limiter.Wait("a", kNow), kOptions.interval);
}

TEST(TryLimiterTest, KeepsOthersApart) {
  TryLimiter limiter(kOptions);
  for (int key = 0; key < 100; ++key) {
    for (int i = 0; i < kOptions.burst; ++i) {
      limiter.CountWrong(absl::StrCat("wrong ", key), kNow);
    }
  }
  int held_up = 0;
  for (int key = 0; key < 1000; ++key) {
    if (limiter.Wait(absl::StrCat("right ", key), kNow) >
        absl::ZeroDuration()) {
      ++held_up;
    }
  }
  // (100 / 32768) squared of them, for a random hash key.
  EXPECT_LE(held_up, 3);
}

TEST(TryLimiterTest, IsThreadSafe) {
  TryLimiter limiter({.burst = 4000, .interval = absl::Seconds(1)});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        limiter.CountWrong("a", kNow);
        limiter.Wait("a", kNow);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(limiter.Wait("a", kNow), absl::Seconds(1));
}

TEST(TryLimiterTest, AKeyIsAnAddressOrTheNetOfOne) {
  EXPECT_EQ(SourceKey("192.0.2.7:50312"), SourceKey("192.0.2.7:1"));
  EXPECT_NE(SourceKey("192.0.2.7:50312"), SourceKey("192.0.2.8:50312"));
  EXPECT_EQ(SourceKey("[2001:db8:0:1::1]:443"),
            SourceKey("[2001:db8:0:1:ffff::9]:5"));
  EXPECT_NE(SourceKey("[2001:db8:0:1::1]:443"),
            SourceKey("[2001:db8:0:2::1]:443"));
  EXPECT_EQ(SourceKey("[fe80::1%eth0]:443"), SourceKey("[fe80::2%eth1]:5"));
  EXPECT_NE(SourceKey("[2001:db8::1]:443"), SourceKey("192.0.2.7:443"));
  EXPECT_EQ(SourceKey("?"), SourceKey("?"));
}

}  // namespace
}  // namespace bestow::server
