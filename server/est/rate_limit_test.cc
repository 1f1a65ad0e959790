#include "server/est/rate_limit.h"

#include "gtest/gtest.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(RateLimitTest, LetsAMinutesWorthThroughAndThenAsMuchAsTimePasses) {
  RateLimit limit;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(limit.Take("", 6, kNow), absl::ZeroDuration()) << i;
  }
  EXPECT_EQ(limit.Take("", 6, kNow), absl::Seconds(10));
  EXPECT_EQ(limit.Take("", 6, kNow + absl::Seconds(4)), absl::Seconds(6));
  EXPECT_EQ(limit.Take("", 6, kNow + absl::Seconds(10)), absl::ZeroDuration());
  EXPECT_EQ(limit.Take("", 6, kNow + absl::Seconds(10)), absl::Seconds(10));
  // Never more than a minute's worth.
  const absl::Time later = kNow + absl::Hours(1);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(limit.Take("", 6, later), absl::ZeroDuration()) << i;
  }
  EXPECT_GT(limit.Take("", 6, later), absl::ZeroDuration());
}

TEST(RateLimitTest, LabelsDoNotShare) {
  RateLimit limit;
  EXPECT_EQ(limit.Take("a", 1, kNow), absl::ZeroDuration());
  EXPECT_EQ(limit.Take("a", 1, kNow), absl::Seconds(60));
  EXPECT_EQ(limit.Take("b", 1, kNow), absl::ZeroDuration());
}

TEST(RateLimitTest, ZeroIsNoLimitAndAReloadCounts) {
  RateLimit limit;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(limit.Take("", 0, kNow), absl::ZeroDuration());
  }
  EXPECT_EQ(limit.Take("", 100, kNow), absl::ZeroDuration());
  // Made smaller: what was saved up under the old limit is cut.
  EXPECT_EQ(limit.Take("", 1, kNow), absl::ZeroDuration());
  EXPECT_GT(limit.Take("", 1, kNow), absl::ZeroDuration());
}

TEST(RateLimitTest, AClockThatIsSetBackDoesNoHarm) {
  RateLimit limit;
  EXPECT_EQ(limit.Take("", 1, kNow), absl::ZeroDuration());
  EXPECT_GT(limit.Take("", 1, kNow - absl::Hours(1)), absl::ZeroDuration());
  EXPECT_EQ(limit.Take("", 1, kNow - absl::Hours(1) + absl::Minutes(1)),
            absl::ZeroDuration());
}

}  // namespace
}  // namespace bestow::server
