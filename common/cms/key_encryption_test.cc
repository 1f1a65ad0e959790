#include "common/cms/key_encryption.h"

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/cms/testing/openssl_key.h"
#include "common/crypto/public_key.h"
#include "common/der/writer.h"
#include "gtest/gtest.h"
#include "testdata/openssl.h"

namespace bestow::cms {
namespace {

Bytes FromHex(std::string_view hex) {
  std::string raw;
  EXPECT_TRUE(absl::HexStringToBytes(hex, &raw)) << hex;
  return ToBytes(AsBytes(raw));
}

constexpr char kKek256[] =
    "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
constexpr char kKey256[] =
    "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F";

// RFC 3394 4.1 to 4.6.
TEST(KeyWrapTest, Rfc3394Vectors) {
  const struct {
    size_t kek_bytes, key_bytes;
    const char* wrapped;
  } kVectors[] = {
      {16, 16, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"},
      {24, 16, "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"},
      {32, 16, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"},
      {24, 24,
       "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2"},
      {32, 24,
       "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1"},
      {32, 32,
       "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9"
       "B7A02DD21"},
  };
  for (const auto& vector : kVectors) {
    const Secret kek(
        ToBytes(ByteView(FromHex(kKek256)).first(vector.kek_bytes)));
    const Secret key(
        ToBytes(ByteView(FromHex(kKey256)).first(vector.key_bytes)));
    const absl::StatusOr<Bytes> wrapped = WrapKey(kek, key);
    ASSERT_TRUE(wrapped.ok()) << wrapped.status();
    EXPECT_EQ(*wrapped, FromHex(vector.wrapped));
    const absl::StatusOr<Secret> back = UnwrapKey(kek, *wrapped);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(ToBytes(back->bytes()), ToBytes(key.bytes()));
    for (size_t i = 0; i < wrapped->size(); ++i) {
      Bytes changed = *wrapped;
      changed[i] ^= 1;
      EXPECT_EQ(UnwrapKey(kek, changed).status().code(),
                absl::StatusCode::kPermissionDenied);
    }
  }
}

TEST(KeyWrapTest, RefusesOtherLengths) {
  const Secret kek(Bytes(16)), key(Bytes(16));
  const Bytes wrapped = *WrapKey(kek, key);
  for (size_t size : {0, 15, 17, 33}) {
    EXPECT_EQ(WrapKey(Secret(Bytes(size)), key).status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(UnwrapKey(Secret(Bytes(size)), wrapped).status().code(),
              absl::StatusCode::kPermissionDenied);
  }
  for (size_t size : {0, 8, 15, 20, 72}) {
    EXPECT_EQ(WrapKey(kek, Secret(Bytes(size))).status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(UnwrapKey(kek, Bytes(size + 8)).status().code(),
              absl::StatusCode::kPermissionDenied);
  }
}

// openssl has the same function as X963KDF.
TEST(KeyDerivationTest, X963KdfIsOpenssls) {
  const Bytes secret = FromHex(kKey256), info = FromHex("00112233");
  for (const auto& [hash, name] :
       {std::pair(Hash::kSha1, "SHA1"), std::pair(Hash::kSha256, "SHA256"),
        std::pair(Hash::kSha384, "SHA384"),
        std::pair(Hash::kSha512, "SHA512")}) {
    for (size_t size : {16, 24, 32, 100}) {
      const std::string out = testdata::WriteScratch("kdf", {});
      const auto result = testdata::RunOpenssl(absl::StrCat(
          "kdf -keylen ", size, " -binary -kdfopt digest:", name,
          " -kdfopt hexsecret:", kKey256, " -kdfopt hexinfo:", HexEncode(info),
          " -out ", out, " X963KDF"));
      ASSERT_EQ(result.exit_code, 0) << result.output;
      const absl::StatusOr<Secret> key =
          X963Kdf(hash, Secret(Bytes(secret)), info, size);
      ASSERT_TRUE(key.ok());
      EXPECT_EQ(ToBytes(key->bytes()), cms_testing::ReadScratch(out))
          << name << size;
    }
  }
}

// RFC 5753 7.2: ECC-CMS-SharedInfo, here written out.
TEST(KeyDerivationTest, SharedInfoHasTheWrapTheUkmAndTheLength) {
  der::Writer writer;
  AddKeyWrap(writer, KeyWrap::kAes256);
  const Bytes wrap = *writer.Finish();
  const KeyAgreement agreement = {.kdf = Hash::kSha256,
                                  .key_wrap_algorithm = wrap,
                                  .key_wrap = KeyWrap::kAes256};
  const Secret secret(FromHex(kKey256));
  const std::string wrap_hex = HexEncode(wrap);
  const struct {
    std::optional<Bytes> ukm;
    std::string info;
  } kCases[] = {
      {std::nullopt, absl::StrCat("3015", wrap_hex, "a206040400000100")},
      {Bytes{7, 8},
       absl::StrCat("301b", wrap_hex, "a00404020708", "a206040400000100")},
  };
  for (const auto& test : kCases) {
    const absl::StatusOr<Secret> derived =
        DeriveKek(agreement, test.ukm, secret);
    const absl::StatusOr<Secret> expected =
        X963Kdf(Hash::kSha256, secret, FromHex(test.info), 32);
    ASSERT_TRUE(derived.ok() && expected.ok());
    EXPECT_EQ(ToBytes(derived->bytes()), ToBytes(expected->bytes()));
  }
}

TEST(ContentEncryptionTest, ComesBackAndRefusesWhatDoesNotFit) {
  for (ContentCipher cipher :
       {ContentCipher::kAes128Cbc, ContentCipher::kAes256Cbc}) {
    const ContentEncryption encryption = {cipher, RandomBytes(16)};
    const Secret key = RandomSecret(KeyBytes(cipher));
    for (size_t size : {1, 15, 16, 17, 1000}) {
      const Bytes content(size, 'c');
      const absl::StatusOr<Bytes> out =
          EncryptContent(encryption, key, content);
      ASSERT_TRUE(out.ok()) << out.status();
      EXPECT_EQ(out->size(), (size / 16 + 1) * 16);
      const absl::StatusOr<Secret> back = DecryptContent(encryption, key, *out);
      ASSERT_TRUE(back.ok()) << back.status();
      EXPECT_EQ(ToBytes(back->bytes()), content);
      // The padding's last octet.
      Bytes changed = *out;
      changed.pop_back();
      EXPECT_EQ(DecryptContent(encryption, key, changed).status().code(),
                absl::StatusCode::kPermissionDenied);
    }
    EXPECT_FALSE(EncryptContent(encryption, key, {}).ok());
    const Secret short_key(Bytes(8));
    EXPECT_FALSE(EncryptContent(encryption, short_key, AsBytes("x")).ok());
    EXPECT_EQ(DecryptContent(encryption, short_key, Bytes(16)).status().code(),
              absl::StatusCode::kPermissionDenied);
  }
}

}  // namespace
}  // namespace bestow::cms
