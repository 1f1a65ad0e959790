#include "common/pki/encrypted_pkcs8.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/signer.h"
#include "common/pki/pem.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

constexpr char kPassphrase[] = "correct horse";

Bytes Encrypted(const Secret& key, Pbes2 scheme) {
  absl::StatusOr<Bytes> der =
      EncryptPrivateKeyInfo(key, Secret(std::string_view(kPassphrase)), scheme);
  EXPECT_TRUE(der.ok()) << der.status();
  return der.ok() ? *der : Bytes();
}

TEST(EncryptedPkcs8Test, EveryCaseComesBack) {
  testdata::ExpectRoundTrips("encrypted_pkcs8",
                             [](ByteView der) -> absl::StatusOr<Bytes> {
                               absl::StatusOr<EncryptedPrivateKeyInfo> key =
                                   ParseEncryptedPrivateKeyInfoDer(der);
                               if (!key.ok()) return key.status();
                               return SerializeEncryptedPrivateKeyInfoDer(*key);
                             });
}

TEST(EncryptedPkcs8Test, OpensUnderItsPassphraseAlone) {
  int opened = 0;
  for (const testdata::Case& c : testdata::LoadCases("encrypted_pkcs8")) {
    const auto passphrase = c.notes.find("passphrase");
    if (passphrase == c.notes.end()) continue;
    SCOPED_TRACE(c.name);
    const auto key = ParseEncryptedPrivateKeyInfoDer(c.data);
    ASSERT_TRUE(key.ok()) << key.status();
    const auto plain = DecryptPrivateKeyInfo(
        *key, Secret(std::string_view(passphrase->second)));
    ASSERT_TRUE(plain.ok()) << plain.status();
    EXPECT_TRUE(SoftwareSigner::FromPkcs8Der(plain->bytes()).ok());
    for (std::string_view wrong : {"", "correct hors", "correct horse\n"}) {
      EXPECT_EQ(DecryptPrivateKeyInfo(*key, Secret(wrong)).status().code(),
                absl::StatusCode::kPermissionDenied)
          << wrong;
    }
    ++opened;
  }
  EXPECT_GE(opened, 7);
}

TEST(EncryptedPkcs8Test, NoWrongPassphraseGoesUnnoticed) {
  const auto key = ParseEncryptedPrivateKeyInfoDer(
      testdata::LoadCase("encrypted_pkcs8", "aes256").data);
  ASSERT_TRUE(key.ok());
  // The padding alone would let about four of these through.
  EncryptedPrivateKeyInfo quick = *key;
  std::get<Pbkdf2>(quick.scheme.kdf).iterations = 1;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(DecryptPrivateKeyInfo(quick, Secret(absl::StrCat("no ", i)))
                  .status()
                  .code(),
              absl::StatusCode::kPermissionDenied);
  }
}

TEST(EncryptedPkcs8Test, OpensslReadsWhatIsWritten) {
  for (KeyType type : {KeyType::kEcP256, KeyType::kRsa2048}) {
    const auto key = SoftwareSigner::Generate(type);
    ASSERT_TRUE(key.ok());
    const auto plain = (*key)->ToPkcs8Der();
    ASSERT_TRUE(plain.ok());
    Pbes2 scrypt = NewPbes2();
    scrypt.kdf = Scrypt{Bytes(16, 's'), 1 << 14, 8, 1};
    for (const Pbes2& scheme : {NewPbes2(), scrypt}) {
      const Bytes der = Encrypted(*plain, scheme);
      const std::string path = testdata::WriteScratch(
          "key.pem", AsBytes(SerializePem("ENCRYPTED PRIVATE KEY", der)));
      const auto seen = testdata::RunOpenssl(absl::StrCat(
          "pkey -noout -text -passin 'pass:", kPassphrase, "' -in ", path));
      EXPECT_EQ(seen.exit_code, 0) << seen.output;
      EXPECT_TRUE(absl::StrContains(seen.output, "Private-Key: ("))
          << seen.output;
      const auto refused =
          testdata::RunOpenssl("pkey -noout -passin pass:another -in " + path);
      EXPECT_NE(refused.exit_code, 0);
      // And it comes back here.
      const auto read = ParseEncryptedPrivateKeyInfoDer(der);
      ASSERT_TRUE(read.ok()) << read.status();
      const auto opened =
          DecryptPrivateKeyInfo(*read, Secret(std::string_view(kPassphrase)));
      ASSERT_TRUE(opened.ok()) << opened.status();
      EXPECT_TRUE(opened->bytes() == plain->bytes());
    }
  }
}

TEST(EncryptedPkcs8Test, WritesSixHundredThousandIterationsAndNewSalts) {
  const Pbes2 one = NewPbes2(), other = NewPbes2();
  const Pbkdf2& kdf = std::get<Pbkdf2>(one.kdf);
  EXPECT_EQ(kdf.iterations, 600'000u);
  EXPECT_EQ(kdf.prf, Pbkdf2::Prf::kHmacSha256);
  EXPECT_EQ(kdf.salt.size(), 16u);
  EXPECT_EQ(one.cipher, Pbes2::Cipher::kAes256Cbc);
  EXPECT_NE(kdf.salt, std::get<Pbkdf2>(other.kdf).salt);
  EXPECT_NE(one.iv, other.iv);
}

TEST(EncryptedPkcs8Test, RefusesAnEmptyPassphrase) {
  EXPECT_EQ(EncryptPrivateKeyInfo(Secret(std::string_view("key")), Secret(),
                                  NewPbes2())
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(EncryptedPkcs8Test, RefusesOver64KiB) {
  auto key = ParseEncryptedPrivateKeyInfoDer(
      testdata::LoadCase("encrypted_pkcs8", "aes256").data);
  ASSERT_TRUE(key.ok());
  key->encrypted.resize(size_t{65} << 10);
  const auto der = SerializeEncryptedPrivateKeyInfoDer(*key);
  ASSERT_TRUE(der.ok());
  EXPECT_EQ(ParseEncryptedPrivateKeyInfoDer(*der).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bestow
