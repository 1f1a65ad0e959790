#include "server/housekeeping/housekeeper.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/base/fake_clock.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

class HousekeeperTest : public testing::Test {
 protected:
  // A task that wants to run again `every` so long.
  void AddEvery(const std::string& name, absl::Duration every) {
    housekeeper_.Add(name, [this, name, every](absl::Time now) {
      EXPECT_EQ(now, clock_.Now());
      ran_.push_back(name);
      return now + every;
    });
  }
  std::vector<std::string> TakeRan() { return std::exchange(ran_, {}); }

  using Names = std::vector<std::string>;
  FakeClock clock_;
  Housekeeper housekeeper_{clock_};
  Names ran_;
};

TEST_F(HousekeeperTest, RunsATaskFirstAndThenAtTheTimeThatItReturned) {
  AddEvery("crl", absl::Seconds(40));
  EXPECT_EQ(housekeeper_.RunDue(), absl::Seconds(40));
  EXPECT_EQ(TakeRan(), Names{"crl"});
  clock_.Advance(absl::Seconds(39));
  EXPECT_EQ(housekeeper_.RunDue(), absl::Seconds(1));
  EXPECT_EQ(TakeRan(), Names{});
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(housekeeper_.RunDue(), absl::Seconds(40));
  EXPECT_EQ(TakeRan(), Names{"crl"});
}

TEST_F(HousekeeperTest, RunsEachTaskAtItsOwnTime) {
  AddEvery("crl", absl::Seconds(20));
  AddEvery("tls", absl::Seconds(50));
  EXPECT_EQ(housekeeper_.RunDue(), absl::Seconds(20));
  EXPECT_EQ(TakeRan(), (Names{"crl", "tls"}));
  clock_.Advance(absl::Seconds(20));
  housekeeper_.RunDue();
  EXPECT_EQ(TakeRan(), Names{"crl"});
  clock_.Advance(absl::Seconds(30));
  housekeeper_.RunDue();
  EXPECT_EQ(TakeRan(), (Names{"crl", "tls"}));
}

TEST_F(HousekeeperTest, LooksAtTheClockOnceAMinute) {
  AddEvery("tls", absl::Hours(24 * 365));
  EXPECT_EQ(housekeeper_.RunDue(), absl::Minutes(1));
}

TEST_F(HousekeeperTest, NeverSpinsForATaskThatIsAlwaysDue) {
  AddEvery("hasty", -absl::Hours(1));
  EXPECT_GT(housekeeper_.RunDue(), absl::ZeroDuration());
  EXPECT_EQ(TakeRan(), Names{"hasty"});
}

TEST_F(HousekeeperTest, RunsATaskThatIsWokenAndNoOther) {
  AddEvery("crl", absl::Hours(1));
  AddEvery("tls", absl::Hours(1));
  housekeeper_.RunDue();
  TakeRan();
  housekeeper_.Wake("crl");
  housekeeper_.Wake("nobody");
  housekeeper_.RunDue();
  EXPECT_EQ(TakeRan(), Names{"crl"});
}

TEST_F(HousekeeperTest, RunsATaskAgainThatIsWokenWhileItRuns) {
  int runs = 0;
  housekeeper_.Add("crl", [&](absl::Time now) {
    if (++runs == 1) housekeeper_.Wake("crl");
    return now + absl::Hours(1);
  });
  housekeeper_.RunDue();
  EXPECT_EQ(runs, 2);
}

TEST_F(HousekeeperTest, RunsAllAgainWhenTheClockWasSetBack) {
  AddEvery("crl", absl::Hours(1));
  AddEvery("tls", absl::Hours(24));
  housekeeper_.RunDue();
  TakeRan();
  clock_.Advance(-absl::Hours(48));
  housekeeper_.RunDue();
  EXPECT_EQ(TakeRan(), (Names{"crl", "tls"}));
  housekeeper_.RunDue();
  EXPECT_EQ(TakeRan(), Names{});
}

TEST_F(HousekeeperTest, RunsTasksThatAreAddedAndWokenByOthersOnItsThread) {
  absl::Notification first;
  absl::Notification second;
  std::thread::id thread;
  housekeeper_.Start();
  housekeeper_.Add("crl", [&](absl::Time now) {
    if (!first.HasBeenNotified()) {
      thread = std::this_thread::get_id();
      first.Notify();
    } else {
      EXPECT_EQ(std::this_thread::get_id(), thread);
      if (!second.HasBeenNotified()) second.Notify();
    }
    return now + absl::Hours(1);
  });
  ASSERT_TRUE(first.WaitForNotificationWithTimeout(kPatience));
  housekeeper_.Wake("crl");
  ASSERT_TRUE(second.WaitForNotificationWithTimeout(kPatience));
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(HousekeeperTest, WaitsInStopForTheTaskThatRuns) {
  absl::Notification running;
  absl::Notification go_on;
  bool finished = false;
  housekeeper_.Add("slow", [&](absl::Time) {
    running.Notify();
    go_on.WaitForNotification();
    finished = true;
    return absl::InfiniteFuture();
  });
  housekeeper_.Start();
  ASSERT_TRUE(running.WaitForNotificationWithTimeout(kPatience));
  std::thread stopper([&] { housekeeper_.Stop(); });
  go_on.Notify();
  stopper.join();
  EXPECT_TRUE(finished);
}

}  // namespace
}  // namespace bestow::server
