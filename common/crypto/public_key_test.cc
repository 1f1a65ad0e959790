#include "common/crypto/public_key.h"

#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

TEST(PublicKeyTest, StrengthOfEveryCase) {
  testdata::ExpectRoundTrips(
      "public_key", [](ByteView spki) -> absl::StatusOr<Bytes> {
        absl::Status status = CheckPublicKeyStrength(spki);
        if (!status.ok()) return status;
        return ToBytes(spki);
      });
}

TEST(PublicKeyTest, Sha256OfNothingIsKnown) {
  EXPECT_EQ(HexEncode(Sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexEncode(Bytes{0x00, 0xAB}), "00ab");
}

// RFC 5280 4.2.1.2 method 1, as openssl's "hash" has it.
TEST(PublicKeyTest, KeyIdentifierIsOpenssls) {
  for (const char* name : {"p256", "rsa2048"}) {
    const Bytes spki = testdata::LoadCase("public_key", name).data;
    const std::string path = testdata::WriteScratch("spki", spki);
    const std::string parsed =
        testdata::RunOpenssl("asn1parse -inform DER -in " + path).output;
    // The BIT STRING is the last element; -strparse gives its content.
    const size_t line = parsed.rfind("\n", parsed.size() - 2) + 1;
    const std::string offset =
        parsed.substr(line, parsed.find(':', line) - line);
    const std::string out = testdata::WriteScratch("bits", {});
    ASSERT_EQ(testdata::RunOpenssl("asn1parse -inform DER -in " + path +
                                   " -offset " + offset + " -noout -out " + out)
                  .exit_code,
              0);
    // Tag, length and the count of unused bits go first.
    const size_t header = spki.size() < 128 ? 3 : 5;
    const auto digest = testdata::RunOpenssl(
        "dgst -sha1 -r " +
        testdata::WriteScratch(
            "content", ByteView(spki).subspan(std::stoi(offset) + header)));
    EXPECT_EQ(HexEncode(KeyIdentifier(spki)), digest.output.substr(0, 40))
        << name;
  }
}

TEST(PublicKeyTest, KeyIdentifierOfGarbageIsEmpty) {
  EXPECT_TRUE(KeyIdentifier({}).empty());
  EXPECT_TRUE(KeyIdentifier(AsBytes("garbage")).empty());
}

TEST(PublicKeyTest, MalformedAlgorithmIsRefused) {
  const Bytes spki = testdata::LoadCase("public_key", "p256").data;
  EXPECT_EQ(VerifySignature({}, spki, {}, {}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(VerifySignature(AsBytes("x"), spki, {}, {}).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bestow
