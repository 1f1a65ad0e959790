#include "common/cms/server_generated_key.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/cms/decrypt.h"
#include "common/cms/envelop.h"
#include "common/cms/enveloped_data.h"
#include "common/cms/smime_capabilities.h"
#include "common/cms/testing/openssl_key.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/openssl.h"

namespace bestow::cms {
namespace {

using cms_testing::MakeKey;
using cms_testing::OpensslKey;

Secret NewKey() {
  return *(*SoftwareSigner::Generate(KeyType::kEcP256))->ToPkcs8Der();
}

Secret Signed(ByteView pkcs8, const OpensslKey& key) {
  auto signer = SoftwareSigner::FromPkcs8Der(key.pkcs8.bytes());
  EXPECT_TRUE(signer.ok()) << signer.status();
  absl::StatusOr<Secret> out = absl::UnknownError("not called");
  SignKeyPackage(pkcs8, {key.certificate.der}, **signer, absl::Now(),
                 [&](absl::StatusOr<Secret> value) { out = std::move(value); });
  EXPECT_TRUE(out.ok()) << out.status();
  return *std::move(out);
}

// RFC 7030 4.4.2, all the way, for a recipient of each kind.
TEST(ServerGeneratedKeyTest, ReachesEveryKindOfRecipient) {
  const Secret pkcs8 = NewKey();
  const OpensslKey ca = MakeKey("ca", "ec -pkeyopt ec_paramgen_curve:P-256");
  const Secret signed_data = Signed(pkcs8.bytes(), ca);
  const auto expect_opens = [&](const EnvelopedData& data,
                                absl::StatusOr<Secret> plain) {
    ASSERT_TRUE(plain.ok()) << plain.status();
    const absl::StatusOr<OpenedKey> opened =
        OpenSignedKeyPackage(data.content_type, plain->bytes());
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(ToBytes(opened->pkcs8.bytes()), ToBytes(pkcs8.bytes()));
    EXPECT_EQ(opened->signer, ca.certificate);
  };
  for (size_t size : {16, 24, 32}) {
    const KekRecipient kek = {{1, 2, 3}, Secret(Bytes(size, 0x5A))};
    const absl::StatusOr<EnvelopeAlgorithms> algorithms =
        ChooseForKek(nullptr, size);
    ASSERT_TRUE(algorithms.ok());
    const absl::StatusOr<Bytes> der = EnvelopForKek(
        signed_data.bytes(), oids::CmsSignedData(), kek, algorithms->content);
    ASSERT_TRUE(der.ok()) << der.status();
    const absl::StatusOr<EnvelopedData> data = ParseEnvelopedDataDer(*der);
    ASSERT_TRUE(data.ok()) << data.status();
    // RFC 7030 4.4.2: "version is set to 4, key-encryption key identifier
    // (kekid) is set to the value of the DecryptKeyIdentifier".
    EXPECT_EQ(data->recipients[0].kind, RecipientInfo::Kind::kKek);
    EXPECT_EQ(data->recipients[0].kek_identifier, kek.key_identifier);
    expect_opens(*data, DecryptWithKek(*data, kek.key_identifier, kek.key));
  }
  for (const char* algorithm :
       {"rsa:2048", "rsa:3072", "ec -pkeyopt ec_paramgen_curve:P-256",
        "ec -pkeyopt ec_paramgen_curve:P-384"}) {
    SCOPED_TRACE(algorithm);
    const OpensslKey device = MakeKey("device", algorithm);
    const absl::StatusOr<PublicKeyRecipient> recipient =
        RecipientOf(device.certificate);
    ASSERT_TRUE(recipient.ok()) << recipient.status();
    const SmimeCapabilities capabilities = OurCapabilities();
    for (const SmimeCapabilities* listed :
         {static_cast<const SmimeCapabilities*>(nullptr), &capabilities}) {
      const absl::StatusOr<EnvelopeAlgorithms> algorithms =
          ChooseForPublicKey(listed, recipient->spki);
      ASSERT_TRUE(algorithms.ok()) << algorithms.status();
      const absl::StatusOr<Bytes> der = EnvelopForPublicKey(
          signed_data.bytes(), oids::CmsSignedData(), *recipient, *algorithms);
      ASSERT_TRUE(der.ok()) << der.status();
      const absl::StatusOr<EnvelopedData> data = ParseEnvelopedDataDer(*der);
      ASSERT_TRUE(data.ok()) << data.status();
      auto key = SoftwareKeyDecryptor::FromPkcs8Der(device.pkcs8.bytes());
      ASSERT_TRUE(key.ok()) << key.status();
      expect_opens(*data, DecryptWithPrivateKey(
                              *data, NamesOf(device.certificate), **key));
    }
  }
}

// openssl decrypts, verifies and reads the key: `arguments` say with what.
void ExpectOpensslOpens(const Bytes& enveloped, const std::string& arguments,
                        const OpensslKey& ca, ByteView pkcs8) {
  const std::string in = testdata::WriteScratch("enveloped", enveloped);
  const std::string out = testdata::WriteScratch("signed", {});
  auto result = testdata::RunOpenssl(absl::StrCat(
      "cms -decrypt -inform DER -in ", in, " -binary -out ", out, arguments));
  ASSERT_EQ(result.exit_code, 0) << result.output;
  result = testdata::RunOpenssl("asn1parse -inform DER -in " + in);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(absl::StrContains(result.output, ":pkcs7-signedData"));
  const Bytes signed_data = cms_testing::ReadScratch(out);
  const absl::StatusOr<Secret> wrapped = WrapSignedData(signed_data);
  ASSERT_TRUE(wrapped.ok());
  const std::string file =
      testdata::WriteScratch("content_info", wrapped->bytes());
  const std::string package = testdata::WriteScratch("package", {});
  result = testdata::RunOpenssl(absl::StrCat(
      "cms -verify -inform DER -in ", file, " -binary -purpose any -CAfile ",
      ca.certificate_path, " -out ", package));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  // The key stands in a SEQUENCE of one.
  const Bytes content = cms_testing::ReadScratch(package);
  ASSERT_GT(content.size(), pkcs8.size());
  EXPECT_TRUE(std::equal(pkcs8.begin(), pkcs8.end(),
                         content.end() - static_cast<long>(pkcs8.size())));
}

TEST(ServerGeneratedKeyTest, OpensslDecryptsAndVerifies) {
  const Secret pkcs8 = NewKey();
  for (const char* ca_algorithm :
       {"rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-384"}) {
    SCOPED_TRACE(ca_algorithm);
    const OpensslKey ca = MakeKey("ca", ca_algorithm);
    const Secret signed_data = Signed(pkcs8.bytes(), ca);
    for (const auto& [size, cipher] :
         {std::pair(16, ContentCipher::kAes128Cbc),
          std::pair(32, ContentCipher::kAes256Cbc),
          std::pair(32, ContentCipher::kAes128Cbc)}) {
      const KekRecipient kek = {{0xAB, 0xCD}, Secret(Bytes(size, 0x11))};
      const absl::StatusOr<Bytes> der = EnvelopForKek(
          signed_data.bytes(), oids::CmsSignedData(), kek, cipher);
      ASSERT_TRUE(der.ok());
      std::string hex;
      for (int i = 0; i < size; ++i) hex += "11";
      ExpectOpensslOpens(
          *der, absl::StrCat(" -secretkey ", hex, " -secretkeyid ABCD"), ca,
          pkcs8.bytes());
    }
    for (const char* algorithm :
         {"rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256",
          "ec -pkeyopt ec_paramgen_curve:P-384"}) {
      SCOPED_TRACE(algorithm);
      const OpensslKey device = MakeKey("device", algorithm);
      for (bool by_key_id : {true, false}) {
        PublicKeyRecipient recipient = *RecipientOf(device.certificate);
        ASSERT_TRUE(recipient.id.subject_key_id.has_value());
        if (!by_key_id) {
          recipient.id = {.issuer = device.certificate.issuer.der(),
                          .serial = device.certificate.serial};
        }
        const absl::StatusOr<Bytes> der = EnvelopForPublicKey(
            signed_data.bytes(), oids::CmsSignedData(), recipient,
            *ChooseForPublicKey(nullptr, recipient.spki));
        ASSERT_TRUE(der.ok()) << der.status();
        ExpectOpensslOpens(*der,
                           absl::StrCat(" -recip ", device.certificate_path,
                                        " -inkey ", device.key_path),
                           ca, pkcs8.bytes());
      }
    }
  }
}

TEST(ServerGeneratedKeyTest, RefusesOtherContent) {
  const OpensslKey ca = MakeKey("ca", "ec -pkeyopt ec_paramgen_curve:P-256");
  const Secret pkcs8 = NewKey();
  const Secret good = Signed(pkcs8.bytes(), ca);
  EXPECT_TRUE(OpenSignedKeyPackage(oids::CmsSignedData(), good.bytes()).ok());
  // Some put a ContentInfo of it into id-data.
  EXPECT_TRUE(OpenSignedKeyPackage(oids::CmsData(),
                                   WrapSignedData(good.bytes())->bytes())
                  .ok());
  EXPECT_EQ(OpenSignedKeyPackage(oids::AsymmetricKeyPackage(), good.bytes())
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  // Not signed at all.
  EXPECT_EQ(
      OpenSignedKeyPackage(oids::CmsData(), pkcs8.bytes()).status().code(),
      absl::StatusCode::kInvalidArgument);
  // Signed, and no key package.
  auto signer = SoftwareSigner::FromPkcs8Der(ca.pkcs8.bytes());
  for (const auto& [type, content] :
       {std::pair(oids::CmsData(), ToBytes(pkcs8.bytes())),
        std::pair(oids::AsymmetricKeyPackage(), ToBytes(pkcs8.bytes())),
        std::pair(oids::AsymmetricKeyPackage(), ToBytes(AsBytes("x")))}) {
    const absl::StatusOr<Secret> other = SignDataAndWait(
        type, content, {ca.certificate.der}, **signer, absl::Now());
    ASSERT_TRUE(other.ok());
    EXPECT_EQ(OpenSignedKeyPackage(oids::CmsSignedData(), other->bytes())
                  .status()
                  .code(),
              absl::StatusCode::kInvalidArgument);
  }
  // What is no PKCS#8 is not signed.
  absl::Status status;
  SignKeyPackage(AsBytes("x"), {ca.certificate.der}, **signer, absl::Now(),
                 [&](absl::StatusOr<Secret> out) { status = out.status(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bestow::cms
