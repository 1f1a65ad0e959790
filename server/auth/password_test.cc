#include "server/auth/password.h"

#include <set>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

constexpr ScryptCost kCheap = {.log2_n = 4, .r = 1, .p = 1};

TEST(PasswordTest, VerifiesWhatItHashed) {
  auto hash = HashPassword(Secret("open sesame"), kCheap);
  ASSERT_TRUE(hash.ok()) << hash.status();
  EXPECT_TRUE(VerifyPassword(Secret("open sesame"), *hash));
  EXPECT_FALSE(VerifyPassword(Secret("open sesamE"), *hash));
  EXPECT_FALSE(VerifyPassword(Secret(""), *hash));
  EXPECT_EQ(hash->find("sesame"), std::string::npos);
}

TEST(PasswordTest, SaltsEachHash) {
  EXPECT_NE(*HashPassword(Secret("a"), kCheap),
            *HashPassword(Secret("a"), kCheap));
}

// RFC 7914 12: scrypt("pleaseletmein", "SodiumChloride", 16384, 8, 1), of
// which the first 32 octets are the same for a shorter key.
TEST(PasswordTest, IsScrypt) {
  const std::string hash =
      "scrypt$14$8$1$" + absl::BytesToHexString("SodiumChloride") +
      "$7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2";
  EXPECT_TRUE(VerifyPassword(Secret("pleaseletmein"), hash));
}

TEST(PasswordTest, RefusesMalformedHashes) {
  const std::string good = *HashPassword(Secret("a"), kCheap);
  for (std::string hash :
       {std::string(), std::string("a"), good + "$", good + "00",
        good.substr(0, good.size() - 2), "x" + good,
        std::string("scrypt$40$8$1$00$") + std::string(64, '0'),
        std::string("scrypt$-1$8$1$00$") + std::string(64, '0'),
        std::string("scrypt$4$0$1$00$") + std::string(64, '0')}) {
    EXPECT_FALSE(VerifyPassword(Secret("a"), hash)) << hash;
  }
}

TEST(PasswordTest, MakesSecretsOf160Bits) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const Secret secret = GenerateOneTimeSecret();
    EXPECT_EQ(secret.text().size(), 32u);
    EXPECT_EQ(
        secret.text().find_first_not_of("abcdefghijklmnopqrstuvwxyz234567"),
        std::string_view::npos);
    EXPECT_TRUE(seen.insert(std::string(secret.text())).second);
    EXPECT_EQ(HashOneTimeSecret(secret).size(), 32u);
  }
}

}  // namespace
}  // namespace bestow::server
