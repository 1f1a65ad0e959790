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

TEST(ScheduleTest, InfoIsAskedForAsTheServerSaysWithinBounds) {
  const absl::Duration year = absl::Hours(24 * 365);
  EXPECT_EQ(InfoDelay(absl::Hours(6), year, {}, 0.5), absl::Hours(6));
  EXPECT_EQ(InfoDelay(absl::Hours(6), year, absl::Hours(2), 0.9),
            absl::Hours(2));
  EXPECT_EQ(InfoDelay(absl::Hours(6), year, absl::ZeroDuration(), 0),
            kInfoDelayMin);
  EXPECT_EQ(InfoDelay(absl::Hours(6), year, absl::InfiniteDuration(), 0),
            kInfoDelayMax);
  EXPECT_EQ(InfoDelay(absl::Hours(6), absl::Hours(8), {}, 0.5), absl::Hours(1));
  EXPECT_EQ(InfoDelay(absl::Hours(6), absl::Seconds(2), {}, 0), kInfoDelayMin);
}

TEST(ScheduleTest, JitterIsATenthEitherWay) {
  EXPECT_EQ(Jittered(absl::Hours(10), 0), absl::Hours(9));
  EXPECT_EQ(Jittered(absl::Hours(10), 0.5), absl::Hours(10));
  EXPECT_LT(Jittered(absl::Hours(10), 0.999), absl::Hours(11));
}

TEST(PickRenewalTest, IsUniformInTheWindow) {
  const absl::Time end = kStart + absl::Hours(1000);
  const absl::Time from = kStart + absl::Hours(100);
  const absl::Time to = kStart + absl::Hours(200);
  EXPECT_EQ(PickRenewal(kStart, end, from, to, 0), from);
  EXPECT_EQ(PickRenewal(kStart, end, from, to, 0.5), kStart + absl::Hours(150));
  // Later than our own schedule would be: the server spreads its load.
  EXPECT_EQ(PickRenewal(kStart, end, kStart + absl::Hours(900),
                        kStart + absl::Hours(940), 0.25),
            kStart + absl::Hours(910));
}

TEST(PickRenewalTest, AWindowOfThePastMeansNow) {
  const absl::Time end = kStart + absl::Hours(1000);
  auto picked = PickRenewal(kStart, end, kStart + absl::Hours(2),
                            kStart + absl::Hours(4), 0.5);
  EXPECT_EQ(picked, kStart + absl::Hours(3));
  // But not at once after it was obtained, again and again.
  picked = PickRenewal(kStart, end, kStart - absl::Hours(9),
                       kStart - absl::Hours(8), 0.5);
  EXPECT_EQ(picked, kStart + kRenewalSpacing);
  picked = PickRenewal(kStart, kStart + absl::Hours(1), kStart - absl::Hours(9),
                       kStart - absl::Hours(8), 0.5);
  EXPECT_EQ(picked, kStart + absl::Minutes(3));
}

TEST(PickRenewalTest, NonsenseIsIgnored) {
  const absl::Time end = kStart + absl::Hours(100);
  const absl::Time from = kStart + absl::Hours(50);
  struct {
    const char* what;
    absl::Time start, end;
  } cases[] = {
      {"empty", from, from},
      {"backwards", from, from - absl::Hours(1)},
      {"after the expiry", end + absl::Hours(1), end + absl::Hours(2)},
      {"when hardly any lifetime is left", kStart + absl::Hours(99), end},
      {"never", absl::InfiniteFuture(), absl::InfiniteFuture()},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(PickRenewal(kStart, end, one.start, one.end, 0.5), std::nullopt)
        << one.what;
  }
  // What goes on beyond the lifetime is cut, not refused.
  for (double draw : {0.0, 0.5, 0.999}) {
    auto picked = PickRenewal(kStart, end, from, absl::InfiniteFuture(), draw);
    ASSERT_TRUE(picked.has_value());
    EXPECT_GE(*picked, from);
    EXPECT_LE(*picked, kStart + absl::Hours(98));
  }
}

}  // namespace
}  // namespace bestow::agent
