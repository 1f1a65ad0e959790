#include "common/base/secret.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace bestow {
namespace {

static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_copy_assignable_v<Secret>);

TEST(SecretTest, HoldsMovesAndCopiesOnlyWhenAsked) {
  Secret secret("pass word");
  EXPECT_EQ(secret.text(), "pass word");
  Secret moved = std::move(secret);
  EXPECT_EQ(moved.text(), "pass word");
  EXPECT_TRUE(secret.empty());  // NOLINT: the contract says so
  const Secret copy = moved.Copy();
  EXPECT_EQ(copy.text(), moved.text());
  EXPECT_NE(copy.bytes().data(), moved.bytes().data());
  moved = Secret("other");
  EXPECT_EQ(moved.text(), "other");
  EXPECT_TRUE(Secret().empty());
}

TEST(SecretTest, SelfMoveKeepsIt) {
  Secret secret("kept");
  Secret& same = secret;
  secret = std::move(same);
  EXPECT_EQ(secret.text(), "kept");
}

TEST(SecretTest, CleanseZeroes) {
  Bytes bytes = ToBytes(AsBytes("secret"));
  Cleanse(bytes.data(), bytes.size());
  EXPECT_EQ(bytes, Bytes(6, 0));
  Cleanse(nullptr, 0);
}

TEST(SecretTest, ComparesWholly) {
  EXPECT_TRUE(ConstantTimeEquals(AsBytes("abc"), AsBytes("abc")));
  EXPECT_FALSE(ConstantTimeEquals(AsBytes("abc"), AsBytes("abd")));
  EXPECT_FALSE(ConstantTimeEquals(AsBytes("abc"), AsBytes("ab")));
  EXPECT_FALSE(ConstantTimeEquals(AsBytes("abc"), AsBytes("")));
  EXPECT_TRUE(ConstantTimeEquals(AsBytes(""), AsBytes("")));
}

}  // namespace
}  // namespace bestow
