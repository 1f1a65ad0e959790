#include "common/cms/envelop.h"

#include <string>

#include "absl/strings/match.h"
#include "common/cms/testing/openssl_key.h"
#include "common/crypto/signer.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"

namespace bestow::cms {
namespace {

using cms_testing::MakeKey;
using cms_testing::OpensslKey;

constexpr char kP256[] = "ec -pkeyopt ec_paramgen_curve:P-256";

// RFC 7030 4.4.1.2: "the key MUST either explicitly support keyTransport or
// keyAgreement or its use MUST be unrestricted".
TEST(EnvelopTest, KeyUsageHasToAllowIt) {
  const struct {
    const char* algorithm;
    const char* options;
    bool allowed;
  } kCases[] = {
      {"rsa:2048", "", true},
      {"rsa:2048", "-addext keyUsage=keyEncipherment", true},
      {"rsa:2048", "-addext keyUsage=digitalSignature,keyEncipherment", true},
      {"rsa:2048", "-addext keyUsage=digitalSignature", false},
      {"rsa:2048", "-addext keyUsage=keyAgreement", false},
      {kP256, "", true},
      {kP256, "-addext keyUsage=keyAgreement", true},
      {kP256, "-addext keyUsage=digitalSignature", false},
      {kP256, "-addext keyUsage=keyEncipherment", false},
      {"rsa:1024", "", false},
      {"ec -pkeyopt ec_paramgen_curve:P-521", "", false},
      {"ed25519", "", false},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(std::string(test.algorithm) + " " + test.options);
    const OpensslKey key = MakeKey("device", test.algorithm, test.options);
    const absl::StatusOr<PublicKeyRecipient> recipient =
        RecipientOf(key.certificate);
    EXPECT_EQ(recipient.ok(), test.allowed) << recipient.status();
    if (!test.allowed) {
      EXPECT_EQ(recipient.status().code(), absl::StatusCode::kInvalidArgument);
    } else {
      EXPECT_EQ(recipient->id.subject_key_id, key.certificate.subject_key_id);
      EXPECT_EQ(recipient->spki, key.certificate.spki);
    }
  }
}

TEST(EnvelopTest, WithoutAKeyIdentifierByIssuerAndSerial) {
  Certificate certificate = MakeKey("device", kP256).certificate;
  certificate.subject_key_id.clear();
  const absl::StatusOr<PublicKeyRecipient> recipient = RecipientOf(certificate);
  ASSERT_TRUE(recipient.ok());
  EXPECT_FALSE(recipient->id.subject_key_id.has_value());
  EXPECT_EQ(recipient->id.issuer, certificate.issuer.der());
  EXPECT_EQ(recipient->id.serial, certificate.serial);
}

// RFC 5652 6.1's version, and a content key and an IV that are used once.
TEST(EnvelopTest, VersionsAndFreshKeys) {
  const OpensslKey rsa = MakeKey("rsa", "rsa:2048");
  const OpensslKey ec = MakeKey("ec", kP256);
  const RecipientId by_issuer = {.issuer = rsa.certificate.issuer.der(),
                                 .serial = rsa.certificate.serial};
  const RecipientId by_key_id = {.subject_key_id = Bytes(20, 's')};
  const EnvelopeAlgorithms algorithms;
  const auto make = [&](const RecipientId& id, const Bytes& spki) {
    const absl::StatusOr<Bytes> der = EnvelopForPublicKey(
        AsBytes("x"), oids::CmsData(), {id, spki}, algorithms);
    EXPECT_TRUE(der.ok()) << der.status();
    return *ParseEnvelopedDataDer(*der);
  };
  EXPECT_EQ(make(by_issuer, rsa.certificate.spki).version, 0u);
  EXPECT_EQ(make(by_key_id, rsa.certificate.spki).version, 2u);
  EXPECT_EQ(make(by_issuer, ec.certificate.spki).version, 2u);
  const EnvelopedData one = make(by_key_id, ec.certificate.spki);
  const EnvelopedData two = make(by_key_id, ec.certificate.spki);
  EXPECT_NE(one.encryption.iv, two.encryption.iv);
  EXPECT_NE(one.ciphertext, two.ciphertext);
  EXPECT_NE(one.recipients[0].originator_point,
            two.recipients[0].originator_point);
  EXPECT_NE(one.recipients[0].encrypted_key, two.recipients[0].encrypted_key);
}

TEST(EnvelopTest, RefusesWhatCanNotBe) {
  const OpensslKey ec = MakeKey("ec", kP256);
  const PublicKeyRecipient good = *RecipientOf(ec.certificate);
  const auto public_key = [&](ByteView content, PublicKeyRecipient recipient) {
    return EnvelopForPublicKey(content, oids::CmsData(), recipient, {})
        .status()
        .code();
  };
  EXPECT_EQ(public_key(AsBytes("x"), good), absl::StatusCode::kOk);
  EXPECT_EQ(public_key({}, good), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(public_key(AsBytes("x"), {RecipientId{}, good.spki}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(public_key(AsBytes("x"),
                       {RecipientId{.subject_key_id = Bytes{}}, good.spki}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(public_key(AsBytes("x"), {good.id, ToBytes(AsBytes("x"))}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      public_key(
          AsBytes("x"),
          {good.id,
           (*SoftwareSigner::Generate(KeyType::kEd25519))->public_key_spki()}),
      absl::StatusCode::kInvalidArgument);

  const auto kek = [&](ByteView content, size_t id_size, size_t key_size) {
    return EnvelopForKek(content, oids::CmsData(),
                         {Bytes(id_size, 'i'), Secret(Bytes(key_size))},
                         ContentCipher::kAes128Cbc)
        .status()
        .code();
  };
  EXPECT_EQ(kek(AsBytes("x"), 1, 16), absl::StatusCode::kOk);
  EXPECT_EQ(kek(AsBytes("x"), 255, 32), absl::StatusCode::kOk);
  EXPECT_EQ(kek({}, 1, 16), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(kek(AsBytes("x"), 0, 16), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(kek(AsBytes("x"), 256, 16), absl::StatusCode::kInvalidArgument);
  for (size_t size : {0, 8, 15, 20, 33, 64}) {
    EXPECT_EQ(kek(AsBytes("x"), 1, size), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace bestow::cms
