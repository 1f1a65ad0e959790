#include "common/est/transfer_encoding.h"

#include "absl/strings/str_split.h"
#include "common/crypto/public_key.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow::est {
namespace {

TEST(TransferEncodingTest, EveryCase) {
  for (const testdata::Case& test : testdata::LoadCases("transfer_encoding")) {
    SCOPED_TRACE(test.name);
    const absl::StatusOr<Bytes> value = DecodeBody(AsText(test.data));
    testdata::ExpectStatus(test, value.status());
    if (!value.ok()) continue;
    EXPECT_EQ(HexEncode(*value), test.notes.at("hex"));
    for (LineWrap wrap :
         {LineWrap::kAuto, LineWrap::kNever, LineWrap::kAlways}) {
      EXPECT_EQ(*DecodeBody(EncodeBody(*value, wrap)), *value);
    }
  }
}

TEST(TransferEncodingTest, AutoWrapsBeyond1000Characters) {
  const std::string fits = EncodeBody(Bytes(750));  // 1,000 characters
  EXPECT_EQ(fits.size(), 1001u);
  EXPECT_EQ(fits.find('\n'), 1000u);
  const std::string wrapped = EncodeBody(Bytes(751));
  EXPECT_EQ(wrapped.find('\n'), 64u);
  EXPECT_EQ(wrapped.back(), '\n');
}

TEST(TransferEncodingTest, WrapsAt64) {
  const std::string text = EncodeBody(Bytes(100), LineWrap::kAlways);
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].size(), 64u);
  EXPECT_EQ(lines[1].size(), 64u);
  EXPECT_EQ(lines[2].size(), 8u);
  EXPECT_EQ(lines[3], "");
  EXPECT_EQ(EncodeBody(Bytes(48), LineWrap::kAlways).size(), 65u);
}

TEST(TransferEncodingTest, NeverIsOneLineOfAnyLength) {
  const std::string text = EncodeBody(Bytes(3000), LineWrap::kNever);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(TransferEncodingTest, NothingIsAnEmptyLine) {
  EXPECT_EQ(EncodeBody({}), "\n");
  EXPECT_TRUE(DecodeBody("\n")->empty());
}

}  // namespace
}  // namespace bestow::est
