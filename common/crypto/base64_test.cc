#include "common/crypto/base64.h"

#include "gtest/gtest.h"

namespace bestow {
namespace {

TEST(Base64Test, Rfc4648Vectors) {
  const std::pair<const char*, const char*> kVectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : kVectors) {
    EXPECT_EQ(EncodeBase64(AsBytes(plain)), encoded);
    const absl::StatusOr<Bytes> back = DecodeBase64(encoded);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(ToText(*back), plain);
  }
}

// RFC 4648 3.5: pad bits that are not zero are refused.
TEST(Base64Test, RejectsPadBits) {
  EXPECT_FALSE(DecodeBase64("Zh==").ok());
  EXPECT_FALSE(DecodeBase64("Zm9=").ok());
}

}  // namespace
}  // namespace bestow
