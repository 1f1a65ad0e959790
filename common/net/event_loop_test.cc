#include "common/net/event_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "absl/time/clock.h"

namespace bestow {
namespace {

class EventLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = EventLoop::Create();
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    guard_ = loop_->RunAfter(absl::Seconds(30), [this] {
      ADD_FAILURE() << "the loop was not stopped in time";
      loop_->Stop();
    });
  }
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<EventLoop::Timer> guard_;
};

TEST_F(EventLoopTest, RunsPostedFunctionsInOrderBeforeStop) {
  std::vector<int> seen;
  for (int i = 0; i < 100; ++i) loop_->Post([&seen, i] { seen.push_back(i); });
  loop_->Stop();
  EXPECT_TRUE(seen.empty()) << "Post() ran a function inline";
  loop_->Run();
  ASSERT_EQ(seen.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[i], i);
}

TEST_F(EventLoopTest, PostFromManyThreadsLosesNothing) {
  constexpr int kThreads = 4, kEach = 2000;
  int sum = 0;  // touched on the loop's thread alone
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        loop_->Post([&] {
          EXPECT_TRUE(loop_->OnLoopThread());
          if (++sum == kThreads * kEach) loop_->Stop();
        });
      }
    });
  }
  loop_->Run();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(sum, kThreads * kEach);
}

TEST_F(EventLoopTest, KnowsItsThread) {
  EXPECT_TRUE(loop_->OnLoopThread()) << "no thread runs it yet";
  bool elsewhere = true;
  loop_->Post([&] {
    EXPECT_TRUE(loop_->OnLoopThread());
    std::thread([&] { elsewhere = loop_->OnLoopThread(); }).join();
    loop_->Stop();
  });
  loop_->Run();
  EXPECT_FALSE(elsewhere);
}

TEST_F(EventLoopTest, TimersFireOnceInOrderAndNotEarly) {
  std::vector<int> seen;
  const absl::Time start = absl::Now();
  auto late = loop_->RunAfter(absl::Milliseconds(60), [&] {
    seen.push_back(2);
    loop_->Stop();
  });
  auto soon =
      loop_->RunAfter(absl::Milliseconds(20), [&] { seen.push_back(1); });
  loop_->Run();
  EXPECT_EQ(seen, (std::vector<int>{1, 2}));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(55));
}

TEST_F(EventLoopTest, DestroyedTimerNeverFires) {
  auto doomed = loop_->RunAfter(absl::Milliseconds(5),
                                [] { FAIL() << "fired after destruction"; });
  auto killer = loop_->RunAfter(absl::ZeroDuration(), [&] { doomed.reset(); });
  auto end = loop_->RunAfter(absl::Milliseconds(30), [&] { loop_->Stop(); });
  loop_->Run();
}

TEST_F(EventLoopTest, CallbackMayDestroyItsOwnTimerAndWatch) {
  std::unique_ptr<EventLoop::Timer> timer;
  auto payload = std::make_shared<int>(7);
  timer = loop_->RunAfter(absl::ZeroDuration(), [&timer, payload] {
    timer.reset();
    EXPECT_EQ(*payload, 7);  // the function itself is still alive
  });
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
  ASSERT_EQ(write(fds[1], "x", 1), 1);
  std::unique_ptr<EventLoop::Watch> watch;
  watch = loop_->OnReadable(fds[0], [&, payload] {
    watch.reset();
    EXPECT_EQ(*payload, 7);
    loop_->Stop();
  });
  loop_->Run();
  close(fds[0]);
  close(fds[1]);
}

TEST_F(EventLoopTest, WatchesDescriptors) {
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
  std::string got;
  std::unique_ptr<EventLoop::Watch> writable;
  writable = loop_->OnWritable(fds[1], [&] {
    EXPECT_EQ(write(fds[1], "hi", 2), 2);
    writable.reset();
  });
  auto readable = loop_->OnReadable(fds[0], [&] {
    char buffer[8];
    ssize_t n = read(fds[0], buffer, sizeof(buffer));
    ASSERT_GT(n, 0);
    got.append(buffer, n);
    loop_->Stop();
  });
  loop_->Run();
  EXPECT_EQ(got, "hi");
  readable.reset();
  close(fds[0]);
  close(fds[1]);
}

TEST_F(EventLoopTest, WatchesSignals) {
  auto watch = loop_->OnSignal(SIGUSR1, [&] { loop_->Stop(); });
  loop_->Post([] { kill(getpid(), SIGUSR1); });
  loop_->Run();
}

TEST_F(EventLoopTest, WhatIsLeftPostedGoesBeforeTheLoop) {
  struct PostsWhenItGoes {
    EventLoop* loop;
    std::unique_ptr<EventLoop::Timer> timer;
    ~PostsWhenItGoes() {
      loop->Post([] { FAIL() << "nothing runs any more"; });
    }
  };
  auto held = std::make_shared<PostsWhenItGoes>();
  held->loop = loop_.get();
  held->timer = loop_->RunAfter(absl::Seconds(20), [] {});
  loop_->Post([held] {});
  held.reset();
  guard_.reset();
  loop_.reset();
}

TEST_F(EventLoopTest, CanRunAgainAfterStop) {
  int runs = 0;
  for (int i = 0; i < 3; ++i) {
    loop_->Post([&] { ++runs; });
    loop_->Stop();
    loop_->Run();
  }
  EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace bestow
