#include "common/cms/key_package.h"

#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow::cms {
namespace {

TEST(KeyPackageTest, EveryCaseComesBack) {
  testdata::ExpectRoundTrips(
      "key_package", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<Secret> key = ParseAsymmetricKeyPackageDer(der);
        if (!key.ok()) return key.status();
        absl::StatusOr<Secret> out =
            SerializeAsymmetricKeyPackageDer(key->bytes());
        if (!out.ok()) return out.status();
        return ToBytes(out->bytes());
      });
}

TEST(KeyPackageTest, RefusesToWriteWhatIsNoKey) {
  const Bytes key = testdata::LoadCase("pkcs8", "p256").data;
  EXPECT_TRUE(SerializeAsymmetricKeyPackageDer(key).ok());
  for (const char* name : {"sec1", "trailing_data", "truncated", "version_2"}) {
    EXPECT_EQ(
        SerializeAsymmetricKeyPackageDer(testdata::LoadCase("pkcs8", name).data)
            .status()
            .code(),
        absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_FALSE(SerializeAsymmetricKeyPackageDer({}).ok());
}

}  // namespace
}  // namespace bestow::cms
