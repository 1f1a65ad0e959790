#include "server/auth/worker_pool.h"

#include <atomic>
#include <future>

#include "gtest/gtest.h"

namespace bestow::server {
namespace {

TEST(WorkerPoolTest, FinishesWhatIsQueued) {
  std::atomic<int> done{0};
  {
    WorkerPool pool(3, 1000);
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(pool.TrySubmit([&] { ++done; }));
    }
  }
  EXPECT_EQ(done, 1000);
}

TEST(WorkerPoolTest, RefusesMoreThanItsQueueHolds) {
  std::promise<void> entered, leave;
  WorkerPool pool(1, 1);
  ASSERT_TRUE(pool.TrySubmit([&] {
    entered.set_value();
    leave.get_future().wait();
  }));
  entered.get_future().wait();
  EXPECT_TRUE(pool.TrySubmit([] {}));
  EXPECT_FALSE(pool.TrySubmit([] {}));
  leave.set_value();
}

}  // namespace
}  // namespace bestow::server
