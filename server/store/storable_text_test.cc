#include "server/store/storable_text.h"

#include <string>

#include "gtest/gtest.h"

namespace bestow::server {
namespace {

TEST(StorableTextTest, TakesUtf8AlonePerRfc3629) {
  for (const std::string& text :
       {std::string(), std::string("a b"), std::string("Ger\xc3\xa4t"),
        std::string("\xe2\x82\xac"), std::string("\xf0\x9f\x94\x91"),
        std::string("\xf4\x8f\xbf\xbf")}) {
    EXPECT_TRUE(IsStorableText(text)) << text;
  }
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("\x80"), std::string("\xc3"),
        std::string("\xc0\x80"),          // overlong
        std::string("\xe0\x80\xaf"),      // overlong
        std::string("\xed\xa0\x80"),      // a surrogate
        std::string("\xf0\x80\x80\xaf"),  // overlong
        std::string("\xf4\x90\x80\x80"),  // above U+10FFFF
        std::string("\xf5\x80\x80\x80"), std::string("\xff"),
        std::string("\xe2\x82")}) {
    EXPECT_FALSE(IsStorableText(text)) << text.size();
    EXPECT_TRUE(IsStorableText(StorableText(text, 100)));
  }
}

TEST(StorableTextTest, ReplacesWhatIsNoneAndCutsBetweenCharacters) {
  EXPECT_EQ(StorableText("a\nb\x7f", 100), "a?b?");
  EXPECT_EQ(StorableText(std::string("a\0b\xff", 4), 100), "a?b?");
  EXPECT_EQ(StorableText("Ger\xc3\xa4t", 100), "Ger\xc3\xa4t");
  EXPECT_EQ(StorableText("Ger\xc3\xa4t", 4), "Ger");
  EXPECT_EQ(StorableText("Ger\xc3\xa4t", 5), "Ger\xc3\xa4");
  EXPECT_EQ(StorableText("abc", 0), "");
}

}  // namespace
}  // namespace bestow::server
