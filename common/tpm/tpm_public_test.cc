#include "common/tpm/tpm_public.h"

#include "common/crypto/public_key.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

// The generator of P-256 (FIPS 186-4, D.1.2.3): a point that is on the curve.
const Bytes kX = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47,
                  0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
                  0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0,
                  0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96};
const Bytes kY = {0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b,
                  0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
                  0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce,
                  0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

Bytes GoodBlob() {
  return SerializeTpmPublic({.type = KeyType::kEcP256,
                             .attributes = kEcKeyAttributes,
                             .x = kX,
                             .y = kY});
}

// The generator of P-384 (FIPS 186-4, D.1.2.4).
const Bytes kX384 = {0xaa, 0x87, 0xca, 0x22, 0xbe, 0x8b, 0x05, 0x37, 0x8e, 0xb1,
                     0xc7, 0x1e, 0xf3, 0x20, 0xad, 0x74, 0x6e, 0x1d, 0x3b, 0x62,
                     0x8b, 0xa7, 0x9b, 0x98, 0x59, 0xf7, 0x41, 0xe0, 0x82, 0x54,
                     0x2a, 0x38, 0x55, 0x02, 0xf2, 0x5d, 0xbf, 0x55, 0x29, 0x6c,
                     0x3a, 0x54, 0x5e, 0x38, 0x72, 0x76, 0x0a, 0xb7};
const Bytes kY384 = {0x36, 0x17, 0xde, 0x4a, 0x96, 0x26, 0x2c, 0x6f, 0x5d, 0x9e,
                     0x98, 0xbf, 0x92, 0x92, 0xdc, 0x29, 0xf8, 0xf4, 0x1d, 0xbd,
                     0x28, 0x9a, 0x14, 0x7c, 0xe9, 0xda, 0x31, 0x13, 0xb5, 0xf0,
                     0xb8, 0xc0, 0x0a, 0x60, 0xb1, 0xce, 0x1d, 0x7e, 0x81, 0x9d,
                     0x7a, 0x43, 0x1d, 0x7c, 0x90, 0xea, 0x0e, 0x5f};

Bytes RsaBlob(KeyType type) {
  Bytes modulus(type == KeyType::kRsa2048 ? 256 : 384, 0xc5);
  return SerializeTpmPublic(
      {.type = type, .attributes = kRsaKeyAttributes, .modulus = modulus});
}

TEST(TpmPublicTest, RoundTrip) {
  const TpmPublic keys[] = {
      {.type = KeyType::kEcP256,
       .attributes = kEcKeyAttributes,
       .x = kX,
       .y = kY},
      {.type = KeyType::kEcP384,
       .attributes = kEcKeyAttributes,
       .x = kX384,
       .y = kY384},
      {.type = KeyType::kRsa2048,
       .attributes = kRsaKeyAttributes,
       .modulus = Bytes(256, 0x81)},
      {.type = KeyType::kRsa3072,
       .attributes = kRsaKeyAttributes,
       .modulus = Bytes(384, 0x81)},
  };
  for (const TpmPublic& wanted : keys) {
    const Bytes blob = SerializeTpmPublic(wanted);
    auto key = ParseTpmPublic(blob);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->type, wanted.type);
    EXPECT_EQ(key->attributes, wanted.attributes);
    EXPECT_EQ(key->x, wanted.x);
    EXPECT_EQ(key->y, wanted.y);
    EXPECT_EQ(key->modulus, wanted.modulus);
    EXPECT_EQ(SerializeTpmPublic(*key), blob);
  }
}

TEST(TpmPublicTest, SpkiIsAWholeStrongKeyOfTheType) {
  auto p256 = TpmPublicToSpki(GoodBlob());
  ASSERT_TRUE(p256.ok()) << p256.status();
  EXPECT_TRUE(CheckPublicKeyStrength(*p256).ok());
  EXPECT_EQ(*KeyTypeOfSpki(*p256), KeyType::kEcP256);
  EXPECT_EQ(Bytes(p256->end() - 32, p256->end()), kY);

  auto p384 = TpmPublicToSpki(
      SerializeTpmPublic({.type = KeyType::kEcP384, .x = kX384, .y = kY384}));
  ASSERT_TRUE(p384.ok()) << p384.status();
  EXPECT_TRUE(CheckPublicKeyStrength(*p384).ok());
  EXPECT_EQ(*KeyTypeOfSpki(*p384), KeyType::kEcP384);

  for (KeyType type : {KeyType::kRsa2048, KeyType::kRsa3072}) {
    auto rsa = TpmPublicToSpki(RsaBlob(type));
    ASSERT_TRUE(rsa.ok()) << rsa.status();
    EXPECT_TRUE(CheckPublicKeyStrength(*rsa).ok());
    EXPECT_EQ(*KeyTypeOfSpki(*rsa), type);
  }
}

TEST(TpmPublicTest, PadsShortCoordinates) {
  auto key = ParseTpmPublic(SerializeTpmPublic({.x = {1}, .y = kY}));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->x.size(), 32u);
  EXPECT_EQ(key->x.back(), 1);
}

TEST(TpmPublicTest, TakesTheCurvesOwnEcdsaScheme) {
  Bytes blob = GoodBlob();
  // size, type, nameAlg, attributes, policy, symmetric: the scheme is at 14.
  ASSERT_EQ(blob[14], 0x00);
  ASSERT_EQ(blob[15], 0x10);
  blob[15] = 0x18;
  blob.insert(blob.begin() + 16, {0x00, 0x0b});
  blob[1] += 2;
  EXPECT_TRUE(ParseTpmPublic(blob).ok());
  blob[17] = 0x0c;  // SHA-384
  EXPECT_FALSE(ParseTpmPublic(blob).ok());
}

TEST(TpmPublicTest, RejectsEveryTruncationAndTrailingBytes) {
  for (const Bytes& blob : {GoodBlob(), RsaBlob(KeyType::kRsa2048)}) {
    for (size_t size = 0; size < blob.size(); ++size) {
      EXPECT_FALSE(ParseTpmPublic(ByteView(blob.data(), size)).ok()) << size;
    }
    Bytes longer = blob;
    longer.push_back(0);
    EXPECT_FALSE(ParseTpmPublic(longer).ok());
    longer[1] += 1;
    EXPECT_FALSE(ParseTpmPublic(longer).ok());
  }
}

TEST(TpmPublicTest, RejectsOtherKinds) {
  // Type, name algorithm, symmetric algorithm, scheme, curve, KDF.
  for (size_t at : {3u, 5u, 13u, 15u, 17u, 19u}) {
    Bytes blob = GoodBlob();
    blob[at] ^= 0x09;
    EXPECT_FALSE(ParseTpmPublic(blob).ok()) << at;
  }
}

TEST(TpmPublicTest, RejectsOtherRsaKeys) {
  const Bytes good = RsaBlob(KeyType::kRsa2048);
  ASSERT_TRUE(ParseTpmPublic(good).ok());
  // ... symmetric, scheme, bits at 16, exponent at 18, size at 22, modulus.
  Bytes named = good;  // the default exponent, written out
  named[19] = 0x01;
  named[21] = 0x01;
  EXPECT_TRUE(ParseTpmPublic(named).ok());
  Bytes three = good;
  three[21] = 3;
  EXPECT_FALSE(ParseTpmPublic(three).ok());
  Bytes bits = good;
  bits[16] = 0x0c;  // 3072 bits said, 2048 there
  EXPECT_FALSE(ParseTpmPublic(bits).ok());
  bits[16] = 0x04;  // 1024
  EXPECT_FALSE(ParseTpmPublic(bits).ok());
  Bytes scheme = good;
  scheme[15] = 0x14;  // RSASSA
  EXPECT_FALSE(ParseTpmPublic(scheme).ok());
  Bytes small = good;
  small[24] = 0x7f;  // 2047 bits
  EXPECT_FALSE(ParseTpmPublic(small).ok());
}

TEST(TpmPublicTest, SealedSecretsAreToldFromKeys) {
  const Bytes good = SerializeTpmSealedPublic(Bytes(32, 7));
  EXPECT_TRUE(CheckTpmSealedPublic(good).ok());
  EXPECT_FALSE(ParseTpmPublic(good).ok());
  EXPECT_FALSE(CheckTpmSealedPublic(GoodBlob()).ok());
  EXPECT_FALSE(
      CheckTpmSealedPublic(SerializeTpmSealedPublic(Bytes(31, 7))).ok());
  Bytes hmac = good;
  hmac[13] = 0x05;  // the scheme HMAC: a signing key
  EXPECT_FALSE(CheckTpmSealedPublic(hmac).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(CheckTpmSealedPublic(ByteView(good.data(), size)).ok());
  }
}

TEST(EcdsaSignatureDerTest, NumbersAreMinimalAndNonNegative) {
  auto der = EcdsaSignatureDer(Bytes{0x00, 0x00, 0x7f}, Bytes{0x80});
  ASSERT_TRUE(der.ok());
  EXPECT_EQ(*der,
            (Bytes{0x30, 0x07, 0x02, 0x01, 0x7f, 0x02, 0x02, 0x00, 0x80}));
}

}  // namespace
}  // namespace bestow
