#include "common/tpm/retry.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::ElementsAre;

TEST(TpmPatienceTest, PausesGrowUpToABoundAndEndAtTheTotal) {
  std::vector<int64_t> pauses_ms;
  TpmPatience patience({.first_pause = absl::Milliseconds(10),
                        .longest_pause = absl::Milliseconds(40),
                        .total = absl::Milliseconds(120),
                        .sleep = [&](absl::Duration pause) {
                          pauses_ms.push_back(absl::ToInt64Milliseconds(pause));
                        }});
  while (patience.Pause()) {
  }
  EXPECT_THAT(pauses_ms, ElementsAre(10, 20, 40, 40));
  EXPECT_FALSE(patience.Pause());
  // The next trouble begins with short pauses, out of what is left.
  patience.Relax();
  EXPECT_TRUE(patience.Pause());
  EXPECT_FALSE(patience.Pause());
  EXPECT_THAT(pauses_ms, ElementsAre(10, 20, 40, 40, 10));
}

}  // namespace
}  // namespace bestow
