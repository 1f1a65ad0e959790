#include "common/der/strings.h"

#include "gtest/gtest.h"

namespace bestow::der {
namespace {

TEST(StringsTest, Utf8TakesShortestFormsAlone) {
  for (const char* text :
       {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  for (const char* text :
       {"\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xC2",
        "\xE2\x82", "\xE2\x28\xA1", "a\xFF"}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
  EXPECT_TRUE(IsUtf8(std::string_view("a\0b", 3)));
}

TEST(StringsTest, CountsCharactersNotOctets) {
  EXPECT_EQ(CountCharacters(""), 0u);
  EXPECT_EQ(CountCharacters("Zürich"), 6u);
  EXPECT_EQ(CountCharacters("a😀"), 2u);
}

TEST(StringsTest, PrintableStringIsX680s) {
  EXPECT_TRUE(IsPrintableString("Az09 '()+,-./:=?"));
  for (const char* text : {"*", "@", "_", "&", "\"", "\n", "ü"}) {
    EXPECT_FALSE(IsPrintableString(text)) << text;
  }
}

TEST(StringsTest, WideStringsBecomeUtf8) {
  const Bytes bmp = {0x00, 0x5A, 0x20, 0xAC};
  EXPECT_EQ(DecodeString(CBS_ASN1_BMPSTRING, bmp), "Z€");
  const Bytes universal = {0x00, 0x01, 0xF6, 0x00};
  EXPECT_EQ(DecodeString(CBS_ASN1_UNIVERSALSTRING, universal), "😀");
  const Bytes latin = {0xE9};
  EXPECT_EQ(DecodeString(CBS_ASN1_T61STRING, latin), "é");
}

TEST(StringsTest, OtherTagsAreNoStrings) {
  EXPECT_FALSE(DecodeString(CBS_ASN1_OCTETSTRING, AsBytes("a")).has_value());
  EXPECT_FALSE(
      DecodeString(CBS_ASN1_GENERALIZEDTIME, AsBytes("a")).has_value());
  EXPECT_FALSE(
      DecodeString(CBS_ASN1_UTF8STRING | CBS_ASN1_CONSTRUCTED, AsBytes("a"))
          .has_value());
}

}  // namespace
}  // namespace bestow::der
