#include "server/est/key_maker.h"

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

using Key = absl::StatusOr<std::shared_ptr<SoftwareSigner>>;

TEST(KeyMakerTest, MakesEachKindOfKeyOnItsOwnThread) {
  KeyMaker maker({});
  for (KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048}) {
    std::promise<Key> made;
    std::thread::id thread;
    maker.Make(type, [&](Key key) {
      thread = std::this_thread::get_id();
      made.set_value(std::move(key));
    });
    const Key key = made.get_future().get();
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ((*key)->type(), type);
    EXPECT_NE(thread, std::this_thread::get_id());
  }
}

TEST(KeyMakerTest, SaysAtOnceThatTooManyWait) {
  KeyMaker maker({.threads = 1, .max_queued = 0});
  int calls = 0;
  maker.Make(KeyType::kEcP256, [&](Key key) {
    ++calls;
    EXPECT_TRUE(absl::IsResourceExhausted(key.status()));
  });
  EXPECT_EQ(calls, 1);
}

TEST(KeyMakerTest, FinishesWhatIsQueuedBeforeItGoes) {
  std::atomic<int> made{0};
  {
    KeyMaker maker({.threads = 2, .max_queued = 32});
    for (int i = 0; i < 16; ++i) {
      maker.Make(KeyType::kEcP256, [&](const Key& key) {
        if (key.ok()) ++made;
      });
    }
  }
  EXPECT_EQ(made, 16);
}

}  // namespace
}  // namespace bestow::server
