#include "server/policy/renewal_rules.h"

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);
const Lifetime kNinetyDays{kStart, kStart + absl::Hours(24 * 90)};

absl::Time Day(int day) { return kStart + absl::Hours(24 * day); }

TEST(RenewalRulesTest, SuggestsTheLastThirdAndLeavesTimeForFailures) {
  EXPECT_EQ(SuggestedWindow(kNinetyDays, absl::ZeroDuration()),
            (TimeWindow{Day(60), Day(75)}));
  // A window that opens before changes nothing, a later one does.
  EXPECT_EQ(SuggestedWindow(kNinetyDays, absl::Hours(24 * 40)),
            (TimeWindow{Day(60), Day(75)}));
  EXPECT_EQ(SuggestedWindow(kNinetyDays, absl::Hours(24 * 10)),
            (TimeWindow{Day(80), Day(85)}));
  EXPECT_EQ(SuggestedWindow(kNinetyDays, absl::Hours(24 * 900)),
            (TimeWindow{Day(60), Day(75)}));
}

TEST(RenewalRulesTest, OpensTheWindowInTime) {
  const absl::Time none = absl::InfiniteFuture();
  // Without a window: always.
  EXPECT_TRUE(
      CheckRenewalTime(kNinetyDays, absl::ZeroDuration(), none, Day(0)).ok());
  const absl::Duration window = absl::Hours(24 * 30);
  EXPECT_TRUE(CheckRenewalTime(kNinetyDays, window, none, Day(60)).ok());
  EXPECT_TRUE(CheckRenewalTime(kNinetyDays, window, none, Day(89)).ok());
  const absl::Status early =
      CheckRenewalTime(kNinetyDays, window, none, Day(60) - absl::Seconds(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(early));
  EXPECT_TRUE(absl::StrContains(early.message(), "2027-03-16T08:00:00Z"))
      << early;
  // A window longer than the life is always open.
  EXPECT_TRUE(
      CheckRenewalTime(kNinetyDays, absl::Hours(24 * 91), none, Day(0)).ok());
}

TEST(RenewalRulesTest, AnOrderOpensTheWindowEarly) {
  const absl::Duration window = absl::Hours(24 * 30);
  EXPECT_TRUE(CheckRenewalTime(kNinetyDays, window, Day(10), Day(10)).ok());
  EXPECT_FALSE(CheckRenewalTime(kNinetyDays, window, Day(10), Day(9)).ok());
  // It closes nothing.
  EXPECT_TRUE(CheckRenewalTime(kNinetyDays, window, Day(80), Day(60)).ok());
}

}  // namespace
}  // namespace bestow::server
