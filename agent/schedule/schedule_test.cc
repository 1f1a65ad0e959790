#include "agent/schedule/schedule.h"

#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

TEST(ScheduleTest, RenewsAtTheFractionOfTheLifetimeSinceItWasObtained) {
  const ScheduleOptions options{.fraction = 0.5, .jitter = 0};
  EXPECT_EQ(RenewalTime(options, kStart, kStart + absl::Hours(10), 0.7),
            kStart + absl::Hours(5));
}

TEST(ScheduleTest, JitterMovesItBothWaysButLeavesTimeForTries) {
  const ScheduleOptions options{.fraction = 0.5, .jitter = 0.1};
  const absl::Time end = kStart + absl::Hours(10);
  EXPECT_EQ(RenewalTime(options, kStart, end, -1), kStart + absl::Hours(4));
  EXPECT_EQ(RenewalTime(options, kStart, end, 1), kStart + absl::Hours(6));
  const ScheduleOptions late{.fraction = 0.95, .jitter = 0.5};
  EXPECT_LT(RenewalTime(late, kStart, end, 1), end);
  const ScheduleOptions early{.fraction = 0.05, .jitter = 0.5};
  EXPECT_EQ(RenewalTime(early, kStart, end, -1), kStart);
}

TEST(ScheduleTest, ACertificateThatWasOverWhenItCameIsDueAtOnce) {
  EXPECT_EQ(RenewalTime({}, kStart, kStart - absl::Hours(1), 0), kStart);
}

TEST(ScheduleTest, BackoffDoublesWithFullJitterBetweenItsBounds) {
  const ScheduleOptions options{.retry_min = absl::Seconds(5),
                                .retry_max = absl::Minutes(1)};
  EXPECT_EQ(BackoffDelay(options, 1, 0), absl::Seconds(5));
  EXPECT_EQ(BackoffDelay(options, 1, 1), absl::Seconds(10));
  EXPECT_EQ(BackoffDelay(options, 2, 1), absl::Seconds(20));
  EXPECT_EQ(BackoffDelay(options, 2, 0.5), absl::Seconds(12.5));
  EXPECT_EQ(BackoffDelay(options, 4, 1), absl::Minutes(1));
  EXPECT_EQ(BackoffDelay(options, 1'000'000, 1), absl::Minutes(1));
  EXPECT_EQ(BackoffDelay(options, 1'000'000, 0), absl::Seconds(5));
}

TEST(ScheduleTest, RetryAfterIsClamped) {
  EXPECT_EQ(ClampRetryAfter(absl::Seconds(-7)), kRetryAfterMin);
  EXPECT_EQ(ClampRetryAfter(absl::Seconds(30)), absl::Seconds(30));
  EXPECT_EQ(ClampRetryAfter(absl::InfiniteDuration()), kRetryAfterMax);
}

}  // namespace
}  // namespace bestow::agent
