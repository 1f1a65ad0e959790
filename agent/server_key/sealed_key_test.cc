#include "agent/server_key/sealed_key.h"

#include <string>

#include "common/tpm/errors.h"
#include "common/tpm/fake_tpm.h"
#include "gtest/gtest.h"
#include "testdata/matchers.h"

namespace bestow::agent {
namespace {

TEST(SealedKeyTest, ComesBackFromItsTpm) {
  FakeTpm tpm;
  for (size_t size : {size_t{1}, size_t{138}, kMaxPkcs8Bytes}) {
    const Secret key(Bytes(size, 0x5a));
    auto sealed = SealPrivateKey(tpm, key);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    auto pem = SerializeSealedKeyPem(*sealed);
    ASSERT_TRUE(pem.ok()) << pem.status();
    auto read = ParseSealedKeyPem(*pem);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, *sealed);
    auto back = UnsealPrivateKey(tpm, *read);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->bytes(), key.bytes());
  }
}

TEST(SealedKeyTest, NoSizeButAPrivateKeys) {
  FakeTpm tpm;
  for (size_t size : {size_t{0}, kMaxPkcs8Bytes + 1}) {
    EXPECT_EQ(SealPrivateKey(tpm, Secret(Bytes(size, 1))).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(tpm.commands(), 0);
}

TEST(SealedKeyTest, EachSealingHasItsOwnAesKeyAndNonce) {
  FakeTpm tpm;
  const Secret key("the same");
  auto a = SealPrivateKey(tpm, key);
  auto b = SealPrivateKey(tpm, key);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(a->wrapping_key, b->wrapping_key);
  EXPECT_NE(a->nonce, b->nonce);
  EXPECT_NE(a->ciphertext, b->ciphertext);
}

TEST(SealedKeyTest, AnotherTpmCantOpenIt) {
  FakeTpm tpm, other;
  auto sealed = SealPrivateKey(tpm, Secret("key"));
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(TpmActionOf(UnsealPrivateKey(other, *sealed).status()),
            TpmAction::kKeyLost);
  tpm.Clear();
  EXPECT_EQ(TpmActionOf(UnsealPrivateKey(tpm, *sealed).status()),
            TpmAction::kKeyLost);
}

TEST(SealedKeyTest, AnyChangeIsFound) {
  FakeTpm tpm;
  auto sealed = SealPrivateKey(tpm, Secret("key"));
  auto second = SealPrivateKey(tpm, Secret("yek"));
  ASSERT_TRUE(sealed.ok() && second.ok());
  for (size_t at = 0; at < sealed->ciphertext.size(); ++at) {
    SealedKey changed = *sealed;
    changed.ciphertext[at] ^= 1;
    EXPECT_EQ(UnsealPrivateKey(tpm, changed).status().code(),
              absl::StatusCode::kDataLoss);
  }
  SealedKey nonce = *sealed;
  nonce.nonce[0] ^= 1;
  EXPECT_FALSE(UnsealPrivateKey(tpm, nonce).ok());
  SealedKey mixed = *sealed;
  mixed.wrapping_key = second->wrapping_key;
  EXPECT_FALSE(UnsealPrivateKey(tpm, mixed).ok());
  // The public part is in no TPM's memory: the additional data covers it.
  SealedKey attributes = *sealed;
  attributes.wrapping_key.public_blob.back() ^= 1;
  EXPECT_FALSE(UnsealPrivateKey(tpm, attributes).ok());
}

TEST(SealedKeyTest, AFailingTpmIsReported) {
  FakeTpm tpm;
  tpm.FailAfter(0, TpmStatus(TpmAction::kFreeMemory, "no memory"));
  EXPECT_EQ(TpmActionOf(SealPrivateKey(tpm, Secret("k")).status()),
            TpmAction::kFreeMemory);
}

TEST(SealedKeyTest, Cases) {
  testdata::ExpectRoundTrips("sealed_key",
                             [](ByteView der) -> absl::StatusOr<Bytes> {
                               auto key = ParseSealedKeyDer(der);
                               if (!key.ok()) return key.status();
                               return SerializeSealedKeyDer(*key);
                             });
}

TEST(SealedKeyTest, RejectsOtherPem) {
  FakeTpm tpm;
  const std::string pem =
      *SerializeSealedKeyPem(*SealPrivateKey(tpm, Secret("key")));
  EXPECT_TRUE(ParseSealedKeyPem(pem).ok());
  EXPECT_FALSE(ParseSealedKeyPem("").ok());
  EXPECT_FALSE(ParseSealedKeyPem(pem + pem).ok());
  EXPECT_FALSE(ParseSealedKeyPem("-----BEGIN PRIVATE KEY-----\nAA==\n"
                                 "-----END PRIVATE KEY-----\n")
                   .ok());
}

}  // namespace
}  // namespace bestow::agent
