#include "common/der/oid.h"

#include "gtest/gtest.h"

namespace bestow::der {
namespace {

TEST(OidTest, DottedAndContentConvertBothWays) {
  const absl::StatusOr<Oid> oid = OidFromDotted("1.2.840.113549.1.9.7");
  ASSERT_TRUE(oid.ok());
  EXPECT_EQ(oid->content,
            Bytes({0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x07}));
  EXPECT_EQ(OidToDotted(oid->content), "1.2.840.113549.1.9.7");
  EXPECT_EQ(OidToDotted(OidLiteral("2.999.3").content), "2.999.3");
}

TEST(OidTest, RejectsWhatIsNoOid) {
  for (const char* text :
       {"", "1", "3.1", "1.40", "1..2", "1.2.", ".1.2", "1.2.x", "1.2 ", "-1.2",
        "1.2.18446744073709551616"}) {
    EXPECT_EQ(OidFromDotted(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(OidTest, MalformedContentIsAQuestionMark) {
  EXPECT_EQ(OidToDotted({}), "?");
  const Bytes cut = {0x2A, 0x86};
  EXPECT_EQ(OidToDotted(cut), "?");
  const Bytes padded = {0x2A, 0x80, 0x01};
  EXPECT_EQ(OidToDotted(padded), "?");
}

TEST(OidTest, ComparesByContent) {
  EXPECT_EQ(OidLiteral("1.2.3"), OidLiteral("1.2.3"));
  EXPECT_LT(OidLiteral("1.2.3"), OidLiteral("1.2.4"));
}

TEST(OidDeathTest, LiteralMustBeAnOid) {
  EXPECT_DEATH(OidLiteral("one"), "one");
}

}  // namespace
}  // namespace bestow::der
