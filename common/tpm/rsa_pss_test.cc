#include "common/tpm/rsa_pss.h"

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "common/crypto/public_key.h"
#include "common/crypto/signer.h"
#include "common/tpm/errors.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

class RsaPssTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto signer = SoftwareSigner::Generate(KeyType::kRsa2048);
    ASSERT_TRUE(signer.ok()) << signer.status();
    spki_ = (*signer)->public_key_spki();
    const Secret der = *(*signer)->ToPkcs8Der();
    CBS cbs;
    CBS_init(&cbs, der.bytes().data(), der.bytes().size());
    key_.reset(EVP_parse_private_key(&cbs));
    rsa_ = EVP_PKEY_get0_RSA(key_.get());
    ASSERT_NE(rsa_, nullptr);
  }

  Bytes SignPss(ByteView digest, int salt_bytes) {
    Bytes out(RSA_size(rsa_));
    size_t size = 0;
    EXPECT_EQ(RSA_sign_pss_mgf1(rsa_, &size, out.data(), out.size(),
                                digest.data(), digest.size(), EVP_sha256(),
                                EVP_sha256(), salt_bytes),
              1);
    return out;
  }
  Bytes Raw(ByteView block) {
    Bytes out(RSA_size(rsa_));
    size_t size = 0;
    EXPECT_EQ(RSA_sign_raw(rsa_, &size, out.data(), out.size(), block.data(),
                           block.size(), RSA_NO_PADDING),
              1);
    return out;
  }
  // A TPM whose salts have `salt_bytes`; counts what it is asked.
  RsaPssSigner::Operations Tpm(int salt_bytes) {
    return {.sign_pss = [this,
                         salt_bytes](ByteView digest) -> absl::StatusOr<Bytes> {
              ++signed_;
              return SignPss(digest, salt_bytes);
            },
            .raw_private = [this](ByteView block) -> absl::StatusOr<Bytes> {
              ++raw_;
              return Raw(block);
            }};
  }
  // As TLS 1.3 verifies it.
  bool Verifies(std::string_view message, ByteView signature) {
    const Sha256Digest digest = Sha256(AsBytes(message));
    return RSA_verify_pss_mgf1(rsa_, digest.data(), digest.size(), EVP_sha256(),
                               EVP_sha256(), 32, signature.data(),
                               signature.size()) == 1;
  }

  Bytes spki_;
  bssl::UniquePtr<EVP_PKEY> key_;
  RSA* rsa_ = nullptr;
  int signed_ = 0;
  int raw_ = 0;
};

TEST_F(RsaPssTest, TakesATpmsSignatureWhoseSaltFits) {
  RsaPssSigner signer;
  for (int i = 1; i <= 2; ++i) {
    auto signature = signer.Sign(spki_, AsBytes("m"), Tpm(32));
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_TRUE(Verifies("m", *signature));
    EXPECT_EQ(signed_, i);
  }
  EXPECT_EQ(raw_, 0);
  EXPECT_FALSE(signer.pads_here());
}

TEST_F(RsaPssTest, PadsForATpmWhoseSaltsAreAnotherLengthAndRemembersIt) {
  for (int salt_bytes : {222, 0, 20}) {
    signed_ = raw_ = 0;
    RsaPssSigner signer;
    for (int i = 1; i <= 3; ++i) {
      auto signature = signer.Sign(spki_, AsBytes("m"), Tpm(salt_bytes));
      ASSERT_TRUE(signature.ok()) << signature.status();
      EXPECT_TRUE(Verifies("m", *signature));
      EXPECT_EQ(raw_, i);
      EXPECT_EQ(signed_, 1);
    }
    EXPECT_TRUE(signer.pads_here());
  }
}

TEST_F(RsaPssTest, PadsForATpmWithoutPss) {
  RsaPssSigner signer;
  auto tpm = Tpm(32);
  tpm.sign_pss = [](ByteView) {
    return TpmStatus(TpmAction::kGiveUp, "no such scheme");
  };
  auto signature = signer.Sign(spki_, AsBytes("m"), tpm);
  ASSERT_TRUE(signature.ok()) << signature.status();
  EXPECT_TRUE(Verifies("m", *signature));
}

TEST_F(RsaPssTest, AFailureThatPassesIsNoReasonToPad) {
  for (TpmAction action : {TpmAction::kRetry, TpmAction::kUnreachable,
                           TpmAction::kFreeMemory, TpmAction::kKeyLost}) {
    RsaPssSigner signer;
    auto tpm = Tpm(32);
    tpm.sign_pss = [action](ByteView) { return TpmStatus(action, "x"); };
    EXPECT_EQ(TpmActionOf(signer.Sign(spki_, AsBytes("m"), tpm).status()),
              action);
    EXPECT_EQ(raw_, 0);
  }
}

TEST_F(RsaPssTest, AFaultySignatureNeverLeaves) {
  RsaPssSigner signer;
  RsaPssSigner::Operations tpm;
  tpm.sign_pss = [this](ByteView digest) -> absl::StatusOr<Bytes> {
    Bytes out = SignPss(digest, 32);
    out[100] ^= 1;
    return out;
  };
  tpm.raw_private = [this](ByteView block) -> absl::StatusOr<Bytes> {
    Bytes out = Raw(block);
    out[100] ^= 1;
    return out;
  };
  auto signature = signer.Sign(spki_, AsBytes("m"), tpm);
  EXPECT_EQ(signature.status().code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(signer.pads_here());
  tpm.raw_private = [](ByteView) -> absl::StatusOr<Bytes> { return Bytes(); };
  EXPECT_FALSE(signer.Sign(spki_, AsBytes("m"), tpm).ok());
}

TEST_F(RsaPssTest, RefusesOtherKeys) {
  RsaPssSigner signer;
  auto ec = SoftwareSigner::Generate(KeyType::kEcP256);
  for (const Bytes& spki : {(*ec)->public_key_spki(), Bytes{}, Bytes{0x30}}) {
    EXPECT_EQ(signer.Sign(spki, AsBytes("m"), Tpm(32)).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(signed_ + raw_, 0);
}

}  // namespace
}  // namespace bestow
