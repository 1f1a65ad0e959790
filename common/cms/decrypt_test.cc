#include "common/cms/decrypt.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/cms/envelop.h"
#include "common/cms/smime_capabilities.h"
#include "common/cms/testing/openssl_key.h"
#include "common/crypto/signer.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/openssl.h"

namespace bestow::cms {
namespace {

using cms_testing::MakeKey;
using cms_testing::OpensslKey;

constexpr char kContent[] = "what is in it";
constexpr char kP256[] = "ec -pkeyopt ec_paramgen_curve:P-256";
constexpr char kP384[] = "ec -pkeyopt ec_paramgen_curve:P-384";

EnvelopedData OpensslEncrypts(const std::string& arguments) {
  const std::string in = testdata::WriteScratch("content", AsBytes(kContent));
  const std::string out = testdata::WriteScratch("out", {});
  // openssl takes the recipients' certificates last.
  const auto result = testdata::RunOpenssl(absl::StrCat(
      "cms -encrypt -binary -outform DER -in ", in, " -out ", out, arguments));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  absl::StatusOr<EnvelopedData> data =
      ParseEnvelopedDataDer(cms_testing::ReadScratch(out));
  EXPECT_TRUE(data.ok()) << data.status();
  return data.ok() ? *std::move(data) : EnvelopedData();
}

void ExpectContent(const absl::StatusOr<Secret>& plain) {
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->text(), kContent);
}

TEST(DecryptTest, WhatOpensslEncryptsForAKek) {
  for (const auto& [size, cipher] :
       {std::pair(16, "-aes128"), std::pair(24, "-aes256"),
        std::pair(32, "-aes256"), std::pair(32, "-aes128")}) {
    std::string hex;
    for (int i = 0; i < size; ++i) hex += "5a";
    const EnvelopedData data = OpensslEncrypts(
        absl::StrCat(" ", cipher, " -secretkeyid 0102 -secretkey ", hex));
    const Bytes id = {1, 2};
    const Secret kek(Bytes(size, 0x5a));
    EXPECT_EQ(data.content_type, oids::CmsData());
    ExpectContent(DecryptWithKek(data, id, kek));
    EXPECT_EQ(
        DecryptWithKek(data, id, Secret(Bytes(size, 0x5b))).status().code(),
        absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(
        DecryptWithKek(data, id, Secret(Bytes(size + 8, 0x5a))).status().code(),
        absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(DecryptWithKek(data, AsBytes("other"), kek).status().code(),
              absl::StatusCode::kNotFound);
  }
}

TEST(DecryptTest, WhatOpensslEncryptsForACertificate) {
  const struct {
    const char* key;
    const char* options;
  } kCases[] = {
      {"rsa:2048", "-keyopt rsa_padding_mode:oaep"},
      {"rsa:2048", "-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256"},
      {"rsa:3072", "-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha512"},
      {kP256, ""},  // dhSinglePass-stdDH-sha1kdf-scheme
      {kP256, "-keyopt ecdh_kdf_md:sha256"},
      {kP384, "-keyopt ecdh_kdf_md:sha384"},
      {kP384, "-keyopt ecdh_kdf_md:sha512"},
  };
  for (const auto& test : kCases) {
    const OpensslKey device = MakeKey("device", test.key);
    auto key = SoftwareKeyDecryptor::FromPkcs8Der(device.pkcs8.bytes());
    ASSERT_TRUE(key.ok()) << key.status();
    for (const char* more : {"-aes128", "-aes256", "-aes128 -keyid"}) {
      SCOPED_TRACE(absl::StrCat(test.key, " ", test.options, " ", more));
      const EnvelopedData data = OpensslEncrypts(absl::StrCat(
          " ", more, " -recip ", device.certificate_path, " ", test.options));
      ExpectContent(
          DecryptWithPrivateKey(data, NamesOf(device.certificate), **key));
    }
  }
}

TEST(DecryptTest, OneOfSeveralRecipients) {
  const OpensslKey first = MakeKey("first", kP256);
  const OpensslKey second = MakeKey("second", "rsa:2048");
  const OpensslKey stranger = MakeKey("stranger", "rsa:2048");
  const EnvelopedData data = OpensslEncrypts(absl::StrCat(
      " -aes128 -secretkey 11111111111111111111111111111111 -secretkeyid 07",
      " -recip ", first.certificate_path, " -recip ", second.certificate_path,
      " -keyopt rsa_padding_mode:oaep"));
  ASSERT_EQ(data.recipients.size(), 3u);
  for (const OpensslKey* key : {&first, &second}) {
    auto decryptor = SoftwareKeyDecryptor::FromPkcs8Der(key->pkcs8.bytes());
    ASSERT_TRUE(decryptor.ok());
    ExpectContent(
        DecryptWithPrivateKey(data, NamesOf(key->certificate), **decryptor));
  }
  ExpectContent(DecryptWithKek(data, Bytes{7}, Secret(Bytes(16, 0x11))));
  auto other = SoftwareKeyDecryptor::FromPkcs8Der(stranger.pkcs8.bytes());
  EXPECT_EQ(DecryptWithPrivateKey(data, NamesOf(stranger.certificate), **other)
                .status()
                .code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(DecryptWithPrivateKey(data, NamesOf(second.certificate), **other)
                .status()
                .code(),
            absl::StatusCode::kPermissionDenied);
}

// RSA PKCS #1 v1.5 has no recipient here, whatever the key.
TEST(DecryptTest, Pkcs1KeyTransportIsNotTaken) {
  const OpensslKey device = MakeKey("device", "rsa:2048");
  const EnvelopedData data = OpensslEncrypts(
      absl::StrCat(" -aes128 -recip ", device.certificate_path));
  ASSERT_EQ(data.recipients.size(), 1u);
  EXPECT_EQ(data.recipients[0].kind, RecipientInfo::Kind::kOther);
  auto key = SoftwareKeyDecryptor::FromPkcs8Der(device.pkcs8.bytes());
  EXPECT_EQ(DecryptWithPrivateKey(data, NamesOf(device.certificate), **key)
                .status()
                .code(),
            absl::StatusCode::kNotFound);
}

TEST(DecryptTest, ChangedMessagesAreRefused) {
  for (const char* algorithm : {"rsa:2048", kP256}) {
    SCOPED_TRACE(algorithm);
    const OpensslKey device = MakeKey("device", algorithm);
    const RecipientNames names = NamesOf(device.certificate);
    auto key = SoftwareKeyDecryptor::FromPkcs8Der(device.pkcs8.bytes());
    ASSERT_TRUE(key.ok());
    const PublicKeyRecipient recipient = *RecipientOf(device.certificate);
    const EnvelopedData good = *ParseEnvelopedDataDer(
        *EnvelopForPublicKey(AsBytes(kContent), oids::CmsData(), recipient,
                             *ChooseForPublicKey(nullptr, recipient.spki)));
    ExpectContent(DecryptWithPrivateKey(good, names, **key));
    const struct {
      const char* what;
      void (*change)(EnvelopedData&);
      bool only_ec = false;
    } kChanges[] = {
        {"key",
         [](EnvelopedData& d) { d.recipients[0].encrypted_key[3] ^= 1; }},
        {"key cut",
         [](EnvelopedData& d) { d.recipients[0].encrypted_key.pop_back(); }},
        {"key empty",
         [](EnvelopedData& d) { d.recipients[0].encrypted_key.clear(); }},
        {"cipher",
         [](EnvelopedData& d) {
           d.encryption.cipher = ContentCipher::kAes256Cbc;
         }},
        {"last block", [](EnvelopedData& d) { d.ciphertext.resize(15); }},
        {"iv", [](EnvelopedData& d) { d.encryption.iv.pop_back(); }},
        {"ukm", [](EnvelopedData& d) { d.recipients[0].ukm = Bytes{1}; }, true},
        {"point off the curve",
         [](EnvelopedData& d) { d.recipients[0].originator_point[40] ^= 1; },
         true},
        {"point compressed",
         [](EnvelopedData& d) {
           d.recipients[0].originator_point.resize(33);
           d.recipients[0].originator_point[0] = 2;
         },
         true},
        {"point at infinity",
         [](EnvelopedData& d) { d.recipients[0].originator_point = {0}; },
         true},
        {"no point",
         [](EnvelopedData& d) { d.recipients[0].originator_point.clear(); },
         true},
    };
    for (const auto& change : kChanges) {
      if (change.only_ec && algorithm != kP256) continue;
      SCOPED_TRACE(change.what);
      EnvelopedData changed = good;
      change.change(changed);
      EXPECT_EQ(DecryptWithPrivateKey(changed, names, **key).status().code(),
                absl::StatusCode::kPermissionDenied);
    }
  }
}

TEST(DecryptTest, KeyOfAnotherKindSaysSo) {
  const OpensslKey rsa = MakeKey("rsa", "rsa:2048");
  const OpensslKey ec = MakeKey("ec", kP256);
  auto rsa_key = SoftwareKeyDecryptor::FromPkcs8Der(rsa.pkcs8.bytes());
  auto ec_key = SoftwareKeyDecryptor::FromPkcs8Der(ec.pkcs8.bytes());
  ASSERT_TRUE(rsa_key.ok() && ec_key.ok());
  EXPECT_EQ((*rsa_key)->EcdhAgree(Bytes(65, 4)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      (*ec_key)->RsaOaepDecrypt(Hash::kSha256, Bytes(256)).status().code(),
      absl::StatusCode::kFailedPrecondition);
  const auto ed25519 = SoftwareSigner::Generate(KeyType::kEd25519);
  EXPECT_EQ(
      SoftwareKeyDecryptor::FromPkcs8Der((*ed25519)->ToPkcs8Der()->bytes())
          .status()
          .code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SoftwareKeyDecryptor::FromPkcs8Der(AsBytes("x")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bestow::cms
