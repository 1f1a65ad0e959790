#include "server/auth/digest_nonces.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kLifetime = absl::Minutes(5);

TEST(DigestNoncesTest, TakesEachCountOnce) {
  DigestNonces nonces({});
  const std::string nonce = nonces.Make("r", kNow);
  EXPECT_TRUE(nonces.Use(nonce, "r", 1, kLifetime, kNow));
  EXPECT_FALSE(nonces.Use(nonce, "r", 1, kLifetime, kNow));
  EXPECT_TRUE(nonces.Use(nonce, "r", 2, kLifetime, kNow));
  EXPECT_FALSE(nonces.Use(nonce, "r", 2, kLifetime, kNow));
  EXPECT_FALSE(nonces.Use(nonce, "r", 1, kLifetime, kNow));
}

// RFC 7616 3.4: counting begins with 1.
TEST(DigestNoncesTest, ThereIsNoCountZero) {
  DigestNonces nonces({});
  const std::string nonce = nonces.Make("r", kNow);
  EXPECT_FALSE(nonces.Use(nonce, "r", 0, kLifetime, kNow));
  EXPECT_TRUE(nonces.Use(nonce, "r", 1, kLifetime, kNow));
  EXPECT_FALSE(nonces.Use(nonce, "r", 0, kLifetime, kNow));
}

TEST(DigestNoncesTest, TakesCountsOutOfOrderWithinAWindow) {
  DigestNonces nonces({});
  const std::string nonce = nonces.Make("r", kNow);
  EXPECT_TRUE(nonces.Use(nonce, "r", 64, kLifetime, kNow));
  for (uint32_t nc = 1; nc < 64; ++nc) {
    EXPECT_TRUE(nonces.Use(nonce, "r", nc, kLifetime, kNow)) << nc;
  }
  for (uint32_t nc = 1; nc <= 64; ++nc) {
    EXPECT_FALSE(nonces.Use(nonce, "r", nc, kLifetime, kNow)) << nc;
  }
  EXPECT_TRUE(nonces.Use(nonce, "r", 200, kLifetime, kNow));
  EXPECT_FALSE(nonces.Use(nonce, "r", 136, kLifetime, kNow));
  EXPECT_TRUE(nonces.Use(nonce, "r", 137, kLifetime, kNow));
  EXPECT_TRUE(nonces.Use(nonce, "r", 0xffffffff, kLifetime, kNow));
  EXPECT_FALSE(nonces.Use(nonce, "r", 0xffffffff, kLifetime, kNow));
  EXPECT_FALSE(nonces.Use(nonce, "r", 201, kLifetime, kNow));
}

TEST(DigestNoncesTest, ExpiresThem) {
  DigestNonces nonces({});
  const std::string nonce = nonces.Make("r", kNow);
  EXPECT_TRUE(nonces.Use(nonce, "r", 1, kLifetime, kNow + kLifetime));
  EXPECT_FALSE(nonces.Use(nonce, "r", 2, kLifetime,
                          kNow + kLifetime + absl::Microseconds(1)));
  EXPECT_FALSE(nonces.Use(nonce, "r", 2, kLifetime, kNow - absl::Hours(1)));
}

TEST(DigestNoncesTest, KnowsItsOwnForTheirScopeAlone) {
  DigestNonces nonces({});
  DigestNonces others({});  // this server, before it was restarted
  const std::string nonce = nonces.Make("r", kNow);
  EXPECT_FALSE(nonces.Use(nonce, "r2", 1, kLifetime, kNow));
  EXPECT_FALSE(nonces.Use(nonce, "", 1, kLifetime, kNow));
  EXPECT_FALSE(others.Use(nonce, "r", 1, kLifetime, kNow));
  EXPECT_NE(nonces.Make("r", kNow), nonce);
  // The last character's spare bits say nothing.
  for (size_t i = 0; i + 1 < nonce.size(); ++i) {
    std::string changed = nonce;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(nonces.Use(changed, "r", 1, kLifetime, kNow)) << i;
  }
  for (const std::string& wrong :
       {std::string(), std::string("x"), nonce.substr(1), nonce + "A",
        nonce + nonce, std::string(100'000, 'A')}) {
    EXPECT_FALSE(nonces.Use(wrong, "r", 1, kLifetime, kNow)) << wrong.size();
  }
  EXPECT_TRUE(nonces.Use(nonce, "r", 1, kLifetime, kNow));
}

// A full table forgets its oldest, and takes nothing of what it forgot.
TEST(DigestNoncesTest, NeverTakesWhatItForgot) {
  DigestNonces nonces({.max_used = 3});
  std::vector<std::string> made;
  for (int i = 0; i < 6; ++i) {
    made.push_back(nonces.Make("r", kNow + absl::Seconds(i)));
  }
  const absl::Time now = kNow + absl::Seconds(10);
  for (const size_t i : {1, 2, 3}) {
    EXPECT_TRUE(nonces.Use(made[i], "r", 1, kLifetime, now)) << i;
  }
  // Older than all in the full table: it can't be told from a forgotten one.
  EXPECT_FALSE(nonces.Use(made[0], "r", 1, kLifetime, now));
  EXPECT_TRUE(nonces.Use(made[4], "r", 1, kLifetime, now));  // 1 is forgotten
  EXPECT_FALSE(nonces.Use(made[1], "r", 2, kLifetime, now));
  EXPECT_FALSE(nonces.Use(made[1], "r", 1, kLifetime, now));
  EXPECT_TRUE(nonces.Use(made[2], "r", 2, kLifetime, now));
  EXPECT_FALSE(nonces.Use(made[2], "r", 2, kLifetime, now));
  EXPECT_TRUE(nonces.Use(made[5], "r", 1, kLifetime, now));  // 2 is forgotten
  EXPECT_FALSE(nonces.Use(made[2], "r", 3, kLifetime, now));
}

TEST(DigestNoncesTest, IsThreadSafe) {
  DigestNonces nonces({.max_used = 8});
  const std::string shared = nonces.Make("r", kNow + absl::Minutes(1));
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint32_t nc = 1; nc <= 50; ++nc) {
        if (nonces.Use(shared, "r", nc, kLifetime, kNow)) ++taken;
        const std::string own = nonces.Make("r", kNow);
        if (!nonces.Use(own, "r", 1, kLifetime, kNow)) continue;
        EXPECT_FALSE(nonces.Use(own, "r", 1, kLifetime, kNow));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 50);
}

}  // namespace
}  // namespace bestow::server
