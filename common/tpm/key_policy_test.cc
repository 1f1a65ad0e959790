#include "common/tpm/key_policy.h"

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::ElementsAre;

PcrPolicy SomePolicy() {
  return {.pcrs = {0, 7, 23}, .digest = Bytes(32, 0x5a)};
}

TEST(KeyPolicyTest, ReadsListsOfPcrs) {
  EXPECT_THAT(*ParsePcrList("sha256:7"), ElementsAre(7));
  EXPECT_THAT(*ParsePcrList("sha256:23,0,7"), ElementsAre(0, 7, 23));
  EXPECT_EQ(PcrListText({0, 7, 23}), "sha256:0,7,23");
  for (const char* wrong :
       {"", "7", "sha256", "sha256:", "sha256:24", "sha256:-1", "sha256:7,7",
        "sha256:7,", "sha256:,7", "sha256:007", "sha256:x", "sha1:7",
        "sha256:7+sha1:7", "SHA256:7"}) {
    EXPECT_FALSE(ParsePcrList(wrong).ok()) << wrong;
  }
}

TEST(KeyPolicyTest, RoundTrip) {
  const Bytes octets = SerializePcrPolicy(SomePolicy());
  // One selection: SHA-256, three octets, bits 0, 7 and 23.
  EXPECT_EQ(absl::BytesToHexString(AsText(ByteView(octets).subspan(0, 10))),
            "00000001000b03810080");
  auto back = ParsePcrPolicy(octets);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, SomePolicy());
}

TEST(KeyPolicyTest, RefusesOtherPolicies) {
  const Bytes good = SerializePcrPolicy(SomePolicy());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ParsePcrPolicy(ByteView(good).subspan(0, size)).ok()) << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(ParsePcrPolicy(longer).ok());
  const struct {
    const char* what;
    size_t at;
    uint8_t octet;
  } kCases[] = {{"two selections", 3, 2}, {"no selection", 3, 0},
                {"SHA-1", 5, 4},          {"SHA-384", 5, 12},
                {"two octets", 6, 2},     {"four octets", 6, 4}};
  for (const auto& c : kCases) {
    Bytes wrong = good;
    wrong[c.at] = c.octet;
    EXPECT_FALSE(ParsePcrPolicy(wrong).ok()) << c.what;
  }
  EXPECT_FALSE(
      ParsePcrPolicy(SerializePcrPolicy({.pcrs = {}, .digest = Bytes(32, 1)}))
          .ok());
}

TEST(KeyPolicyTest, APasswordIsPartOfThePolicy) {
  const Bytes without = PolicyDigest(SomePolicy(), false);
  EXPECT_EQ(without.size(), 32u);
  EXPECT_NE(without, PolicyDigest(SomePolicy(), true));
  PcrPolicy other = SomePolicy();
  other.pcrs = {0};
  EXPECT_NE(without, PolicyDigest(other, false));
}

}  // namespace
}  // namespace bestow
