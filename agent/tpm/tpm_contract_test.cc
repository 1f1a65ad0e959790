// What every Tpm promises, shown on swtpm and on the fake.
#include <memory>
#include <string>

#include "agent/tpm/errors.h"
#include "agent/tpm/esys_tpm.h"
#include "agent/tpm/fake_tpm.h"
#include "agent/tpm/testing/swtpm.h"
#include "agent/tpm/tpm.h"
#include "agent/tpm/tpm_public.h"
#include "common/crypto/public_key.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

const Bytes kEcdsaWithSha256 = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};

class TpmContractTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    tpm_ = NewTpm(&swtpm_);
    other_ = NewTpm(&other_swtpm_);
  }

  std::unique_ptr<Tpm> NewTpm(std::unique_ptr<Swtpm>* swtpm) {
    if (GetParam() == "Fake") return std::make_unique<FakeTpm>();
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

TEST_P(TpmContractTest, MakesKeysThatSign) {
  ASSERT_TRUE(tpm_->Check().ok()) << tpm_->Check();
  auto key = tpm_->CreateKey();
  ASSERT_TRUE(key.ok()) << key.status();
  auto spki = TpmPublicToSpki(key->public_blob);
  ASSERT_TRUE(spki.ok()) << spki.status();
  EXPECT_TRUE(CheckPublicKeyStrength(*spki).ok());
  for (std::string message : {"", "a", "a longer message"}) {
    auto signature = tpm_->Sign(*key, AsBytes(message));
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_TRUE(
        VerifySignature(kEcdsaWithSha256, *spki, AsBytes(message), *signature)
            .ok());
    EXPECT_FALSE(
        VerifySignature(kEcdsaWithSha256, *spki, AsBytes("other"), *signature)
            .ok());
  }
}

TEST_P(TpmContractTest, KeysHaveTheAttributesOfAKeyThatCantLeave) {
  auto key = tpm_->CreateKey();
  ASSERT_TRUE(key.ok()) << key.status();
  auto point = ParseTpmEccPublic(key->public_blob);
  ASSERT_TRUE(point.ok()) << point.status();
  EXPECT_EQ(point->attributes, kSigningKeyAttributes);
  EXPECT_EQ(key->parent, kParentOwner);
}

TEST_P(TpmContractTest, EachKeyIsNew) {
  auto a = tpm_->CreateKey();
  auto b = tpm_->CreateKey();
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(a->public_blob, b->public_blob);
  EXPECT_NE(a->private_blob, b->private_blob);
}

TEST_P(TpmContractTest, ManyKeysInTurnNeedNoMoreThanTheTpmHas) {
  for (int i = 0; i < 8; ++i) {
    auto key = tpm_->CreateKey();
    ASSERT_TRUE(key.ok()) << key.status();
    auto signature = tpm_->Sign(*key, AsBytes("x"));
    ASSERT_TRUE(signature.ok()) << signature.status();
  }
}

TEST_P(TpmContractTest, AnotherTpmsKeyIsLost) {
  auto key = other_->CreateKey();
  ASSERT_TRUE(key.ok()) << key.status();
  auto signature = tpm_->Sign(*key, AsBytes("x"));
  ASSERT_FALSE(signature.ok());
  EXPECT_EQ(TpmActionOf(signature.status()), TpmAction::kKeyLost)
      << signature.status();
  EXPECT_TRUE(other_->Sign(*key, AsBytes("x")).ok());
}

INSTANTIATE_TEST_SUITE_P(All, TpmContractTest,
                         ::testing::Values("Fake", "Esys"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace bestow::agent
