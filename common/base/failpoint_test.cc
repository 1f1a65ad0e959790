#include "common/base/failpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace bestow {
namespace {

// The plan comes from BESTOW_FAILPOINTS in BUILD.bazel:
// "once=fail,third=fail:3,onwards=fail:2+,death=kill:2", from "start".
TEST(FailpointEnvTest, FailsAtThePassThatThePlanNames) {
  EXPECT_FALSE(Failpoint("once"));
  EXPECT_FALSE(Failpoint("onwards"));
  EXPECT_FALSE(Failpoint("onwards"));
  EXPECT_FALSE(Failpoint("start"));
  EXPECT_FALSE(Failpoint("unplanned"));
  EXPECT_TRUE(Failpoint("once"));
  EXPECT_FALSE(Failpoint("once"));
  EXPECT_FALSE(Failpoint("third"));
  EXPECT_FALSE(Failpoint("third"));
  EXPECT_TRUE(Failpoint("third"));
  EXPECT_FALSE(Failpoint("third"));
  EXPECT_FALSE(Failpoint("onwards"));
  EXPECT_TRUE(Failpoint("onwards"));
  EXPECT_TRUE(Failpoint("onwards"));
}

TEST(FailpointEnvDeathTest, KillsAtThePassThatThePlanNames) {
  EXPECT_EXIT(
      {
        Failpoint("start");
        if (Failpoint("death")) _exit(1);
        Failpoint("death");
      },
      ::testing::KilledBySignal(SIGKILL), "");
}

TEST(FailpointEnvTest, WithoutHandlerNothingFails) {
  SetFailpointHandler(nullptr);
  EXPECT_FALSE(Failpoint("onwards"));
}

}  // namespace
}  // namespace bestow
