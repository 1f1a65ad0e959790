// What every Tpm promises, shown on swtpm and on the fake.
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <vector>

#include "common/crypto/public_key.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_tpm.h"
#include "common/tpm/fake_tpm.h"
#include "common/tpm/testing/swtpm.h"
#include "common/tpm/tpm.h"
#include "common/tpm/tpm_public.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::HasSubstr;

constexpr SignatureAlgorithm kEcdsa = SignatureAlgorithm::kEcdsaP256Sha256;
constexpr KeyType kTpmKeyTypes[] = {KeyType::kEcP256, KeyType::kEcP384,
                                    KeyType::kRsa2048, KeyType::kRsa3072};

absl::Status Verify(SignatureAlgorithm algorithm, ByteView spki,
                    std::string_view message, ByteView signature) {
  der::Writer writer;
  AddSignatureAlgorithm(writer, algorithm);
  return VerifySignature(*writer.Finish(), spki, AsBytes(message), signature);
}

// RSAES-OAEP with SHA-256, as a server encrypts to the key.
Bytes EncryptTo(ByteView spki, std::string_view text) {
  CBS cbs;
  CBS_init(&cbs, spki.data(), spki.size());
  bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&cbs));
  bssl::UniquePtr<EVP_PKEY_CTX> ctx(EVP_PKEY_CTX_new(key.get(), nullptr));
  Bytes out(EVP_PKEY_size(key.get()));
  size_t size = out.size();
  const ByteView in = AsBytes(text);
  EXPECT_EQ(EVP_PKEY_encrypt_init(ctx.get()), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), EVP_sha256()), 1);
  EXPECT_EQ(
      EVP_PKEY_encrypt(ctx.get(), out.data(), &size, in.data(), in.size()), 1);
  out.resize(size);
  return out;
}

class TpmContractTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    tpm_ = NewTpm(&swtpm_);
    other_ = NewTpm(&other_swtpm_);
  }

  std::unique_ptr<Tpm> NewTpm(std::unique_ptr<Swtpm>* swtpm) {
    if (GetParam() != "Esys") {
      auto fake = std::make_unique<FakeTpm>();
      if (GetParam() == "FakeThatSaltsLong") fake->SaltLong();
      return fake;
    }
    auto started = Swtpm::Start();
    EXPECT_TRUE(started.ok()) << started.status();
    *swtpm = *std::move(started);
    return std::make_unique<EsysTpm>((*swtpm)->tcti());
  }

  std::unique_ptr<Swtpm> swtpm_;
  std::unique_ptr<Swtpm> other_swtpm_;
  std::unique_ptr<Tpm> tpm_;
  std::unique_ptr<Tpm> other_;
};

TEST_P(TpmContractTest, MakesKeysOfEachTypeThatSign) {
  ASSERT_TRUE(tpm_->Check().ok()) << tpm_->Check();
  for (KeyType type : kTpmKeyTypes) {
    SCOPED_TRACE(KeyTypeName(type));
    auto key = tpm_->CreateKey(type);
    ASSERT_TRUE(key.ok()) << key.status();
    auto spki = TpmPublicToSpki(key->public_blob);
    ASSERT_TRUE(spki.ok()) << spki.status();
    EXPECT_TRUE(CheckPublicKeyStrength(*spki).ok());
    EXPECT_EQ(*KeyTypeOfSpki(*spki), type);
    std::vector<SignatureAlgorithm> algorithms = {SignatureAlgorithmOf(type)};
    // TLS 1.3's: VerifySignature wants a salt as long as the digest.
    if (algorithms.front() == SignatureAlgorithm::kRsaPkcs1Sha256) {
      algorithms.push_back(SignatureAlgorithm::kRsaPssSha256);
    }
    for (SignatureAlgorithm algorithm : algorithms) {
      for (std::string message : {"", "a longer message"}) {
        auto signature = tpm_->Sign(*key, algorithm, AsBytes(message));
        ASSERT_TRUE(signature.ok()) << signature.status();
        EXPECT_TRUE(Verify(algorithm, *spki, message, *signature).ok());
        EXPECT_FALSE(Verify(algorithm, *spki, "other", *signature).ok());
      }
    }
  }
}

TEST_P(TpmContractTest, RefusesAnAlgorithmThatIsNotTheKeys) {
  auto ec = tpm_->CreateKey(KeyType::kEcP256);
  auto rsa = tpm_->CreateKey(KeyType::kRsa2048);
  ASSERT_TRUE(ec.ok() && rsa.ok());
  for (SignatureAlgorithm algorithm :
       {SignatureAlgorithm::kEcdsaP384Sha384, SignatureAlgorithm::kEd25519,
        SignatureAlgorithm::kRsaPkcs1Sha256,
        SignatureAlgorithm::kRsaPssSha256}) {
    EXPECT_EQ(tpm_->Sign(*ec, algorithm, AsBytes("x")).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  for (SignatureAlgorithm algorithm :
       {SignatureAlgorithm::kEcdsaP256Sha256,
        SignatureAlgorithm::kEcdsaP384Sha384, SignatureAlgorithm::kEd25519}) {
    EXPECT_EQ(tpm_->Sign(*rsa, algorithm, AsBytes("x")).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_P(TpmContractTest, SaysWhichKeysItHasNot) {
  auto key = tpm_->CreateKey(KeyType::kEd25519);
  EXPECT_EQ(TpmActionOf(key.status()), TpmAction::kUnsupported) << key.status();
  EXPECT_THAT(std::string(key.status().message()), HasSubstr("ed25519"));
  EXPECT_TRUE(tpm_->CreateKey(KeyType::kEcP256).ok());
}

TEST_P(TpmContractTest, KeysHaveTheAttributesOfAKeyThatCantLeave) {
  for (KeyType type : kTpmKeyTypes) {
    if (type == KeyType::kRsa3072) continue;  // as 2048, and slow
    auto key = tpm_->CreateKey(type);
    ASSERT_TRUE(key.ok()) << key.status();
    auto pub = ParseTpmPublic(key->public_blob);
    ASSERT_TRUE(pub.ok()) << pub.status();
    EXPECT_EQ(pub->type, type);
    EXPECT_EQ(pub->attributes,
              type == KeyType::kRsa2048 ? kRsaKeyAttributes : kEcKeyAttributes);
    EXPECT_EQ(key->parent, kParentOwner);
  }
}

TEST_P(TpmContractTest, RsaKeysDecrypt) {
  auto key = tpm_->CreateKey(KeyType::kRsa2048);
  ASSERT_TRUE(key.ok()) << key.status();
  const Bytes spki = *TpmPublicToSpki(key->public_blob);
  for (std::string text : {std::string("k"), std::string(32, '\0')}) {
    auto plain = tpm_->RsaOaepDecrypt(*key, EncryptTo(spki, text));
    ASSERT_TRUE(plain.ok()) << plain.status();
    EXPECT_EQ(plain->text(), text);
  }
  Bytes damaged = EncryptTo(spki, "k");
  damaged.back() ^= 1;
  EXPECT_FALSE(tpm_->RsaOaepDecrypt(*key, damaged).ok());
  for (size_t size : {0, 255, 257}) {
    EXPECT_EQ(tpm_->RsaOaepDecrypt(*key, Bytes(size, 1)).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  auto ec = tpm_->CreateKey(KeyType::kEcP256);
  ASSERT_TRUE(ec.ok());
  EXPECT_EQ(tpm_->RsaOaepDecrypt(*ec, Bytes(256, 1)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(TpmContractTest, UnsealsWhatItSealed) {
  for (size_t size : {size_t{1}, size_t{32}, kMaxSealedBytes}) {
    const Secret secret(Bytes(size, 0x5a));
    auto blob = tpm_->Seal(secret);
    ASSERT_TRUE(blob.ok()) << blob.status();
    EXPECT_TRUE(CheckTpmSealedPublic(blob->public_blob).ok());
    EXPECT_EQ(blob->parent, kParentOwner);
    auto back = tpm_->Unseal(*blob);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->bytes(), secret.bytes());
  }
  for (size_t size : {size_t{0}, kMaxSealedBytes + 1}) {
    EXPECT_EQ(tpm_->Seal(Secret(Bytes(size, 1))).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_P(TpmContractTest, AnotherTpmsSecretStaysSealed) {
  auto blob = other_->Seal(Secret("for the other alone"));
  ASSERT_TRUE(blob.ok()) << blob.status();
  auto secret = tpm_->Unseal(*blob);
  ASSERT_FALSE(secret.ok());
  EXPECT_EQ(TpmActionOf(secret.status()), TpmAction::kKeyLost)
      << secret.status();
  EXPECT_TRUE(other_->Unseal(*blob).ok());
  SealedBlob damaged = *blob;
  damaged.private_blob.back() ^= 1;
  EXPECT_EQ(TpmActionOf(other_->Unseal(damaged).status()), TpmAction::kKeyLost);
}

TEST_P(TpmContractTest, EachKeyIsNew) {
  auto a = tpm_->CreateKey(KeyType::kEcP256);
  auto b = tpm_->CreateKey(KeyType::kEcP256);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(a->public_blob, b->public_blob);
  EXPECT_NE(a->private_blob, b->private_blob);
}

TEST_P(TpmContractTest, ManyKeysInTurnNeedNoMoreThanTheTpmHas) {
  for (int i = 0; i < 8; ++i) {
    auto key = tpm_->CreateKey(KeyType::kEcP256);
    ASSERT_TRUE(key.ok()) << key.status();
    auto signature = tpm_->Sign(*key, kEcdsa, AsBytes("x"));
    ASSERT_TRUE(signature.ok()) << signature.status();
  }
}

TEST_P(TpmContractTest, AnotherTpmsKeyIsLost) {
  auto key = other_->CreateKey(KeyType::kEcP256);
  ASSERT_TRUE(key.ok()) << key.status();
  auto signature = tpm_->Sign(*key, kEcdsa, AsBytes("x"));
  ASSERT_FALSE(signature.ok());
  EXPECT_EQ(TpmActionOf(signature.status()), TpmAction::kKeyLost)
      << signature.status();
  EXPECT_TRUE(other_->Sign(*key, kEcdsa, AsBytes("x")).ok());
  EXPECT_EQ(TpmActionOf(tpm_->CheckKey(*key)), TpmAction::kKeyLost);
  EXPECT_TRUE(other_->CheckKey(*key).ok());
}

INSTANTIATE_TEST_SUITE_P(All, TpmContractTest,
                         ::testing::Values("Fake", "FakeThatSaltsLong", "Esys"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace bestow
