#include "server/config/duration.h"

#include "gtest/gtest.h"

namespace bestow::server {
namespace {

TEST(DurationTest, ReadsDaysAndTheRest) {
  EXPECT_EQ(ParseDurationText("90d"), absl::Hours(90 * 24));
  EXPECT_EQ(ParseDurationText("1d12h"), absl::Hours(36));
  EXPECT_EQ(ParseDurationText("5m"), absl::Minutes(5));
  EXPECT_EQ(ParseDurationText("1h30m"), absl::Minutes(90));
  EXPECT_EQ(ParseDurationText("0"), absl::ZeroDuration());
}

TEST(DurationTest, RefusesTheRest) {
  for (const char* text : {"", "d", "90", "90 d", "-1d", "-5m", "1.5d", "inf",
                           "1d-5m", "99999999d", "999999999h", "5m1d", "x"}) {
    EXPECT_FALSE(ParseDurationText(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace bestow::server
