#include "common/pki/pkcs8.h"

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

// RFC 7030 A.4's is among them.
TEST(Pkcs8Test, EveryCaseComesBack) {
  testdata::ExpectRoundTrips(
      "pkcs8", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<PrivateKeyInfo> key = ParsePrivateKeyInfoDer(der);
        if (!key.ok()) return key.status();
        absl::StatusOr<Secret> out = SerializePrivateKeyInfoDer(*key);
        if (!out.ok()) return out.status();
        return ToBytes(out->bytes());
      });
}

TEST(Pkcs8Test, OpensslReadsRfc7030A4sKey) {
  const Bytes der = testdata::LoadCase("pkcs8", "rfc7030_a4_serverkeygen").data;
  const absl::StatusOr<PrivateKeyInfo> key = ParsePrivateKeyInfoDer(der);
  ASSERT_TRUE(key.ok());
  const absl::StatusOr<Secret> out = SerializePrivateKeyInfoDer(*key);
  ASSERT_TRUE(out.ok());
  const std::string path = testdata::WriteScratch("key", out->bytes());
  const auto seen =
      testdata::RunOpenssl("rsa -check -noout -inform DER -in " + path);
  EXPECT_TRUE(absl::StrContains(seen.output, "RSA key ok")) << seen.output;
}

}  // namespace
}  // namespace bestow
