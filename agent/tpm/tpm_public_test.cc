#include "agent/tpm/tpm_public.h"

#include "common/crypto/public_key.h"
#include "gtest/gtest.h"

namespace bestow::agent {
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
  return SerializeTpmEccPublic(
      {.attributes = kSigningKeyAttributes, .x = kX, .y = kY});
}

TEST(TpmPublicTest, RoundTrip) {
  const Bytes blob = GoodBlob();
  auto key = ParseTpmEccPublic(blob);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->attributes, kSigningKeyAttributes);
  EXPECT_EQ(key->x, kX);
  EXPECT_EQ(key->y, kY);
  EXPECT_EQ(SerializeTpmEccPublic(*key), blob);
}

TEST(TpmPublicTest, SpkiIsAWholeStrongKey) {
  auto spki = TpmPublicToSpki(GoodBlob());
  ASSERT_TRUE(spki.ok()) << spki.status();
  EXPECT_TRUE(CheckPublicKeyStrength(*spki).ok());
  EXPECT_EQ(Bytes(spki->end() - 32, spki->end()), kY);
}

TEST(TpmPublicTest, PadsShortCoordinates) {
  auto key = ParseTpmEccPublic(SerializeTpmEccPublic(
      {.attributes = kSigningKeyAttributes, .x = {1}, .y = kY}));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->x.size(), 32u);
  EXPECT_EQ(key->x.back(), 1);
}

TEST(TpmPublicTest, TakesTheEcdsaSha256Scheme) {
  Bytes blob = GoodBlob();
  // size, type, nameAlg, attributes, policy, symmetric: the scheme is at 14.
  ASSERT_EQ(blob[14], 0x00);
  ASSERT_EQ(blob[15], 0x10);
  blob[15] = 0x18;
  blob.insert(blob.begin() + 16, {0x00, 0x0b});
  blob[1] += 2;
  EXPECT_TRUE(ParseTpmEccPublic(blob).ok());
  blob[17] = 0x0c;  // SHA-384
  EXPECT_FALSE(ParseTpmEccPublic(blob).ok());
}

TEST(TpmPublicTest, RejectsEveryTruncationAndTrailingBytes) {
  const Bytes blob = GoodBlob();
  for (size_t size = 0; size < blob.size(); ++size) {
    EXPECT_FALSE(ParseTpmEccPublic(ByteView(blob.data(), size)).ok()) << size;
  }
  Bytes longer = blob;
  longer.push_back(0);
  EXPECT_FALSE(ParseTpmEccPublic(longer).ok());
  longer[1] += 1;
  EXPECT_FALSE(ParseTpmEccPublic(longer).ok());
}

TEST(TpmPublicTest, RejectsOtherKinds) {
  // Type, name algorithm, symmetric algorithm, curve, KDF.
  for (size_t at : {3u, 5u, 13u, 17u, 19u}) {
    Bytes blob = GoodBlob();
    blob[at] ^= 0x01;
    EXPECT_FALSE(ParseTpmEccPublic(blob).ok()) << at;
  }
}

TEST(EcdsaSignatureDerTest, NumbersAreMinimalAndNonNegative) {
  auto der = EcdsaSignatureDer(Bytes{0x00, 0x00, 0x7f}, Bytes{0x80});
  ASSERT_TRUE(der.ok());
  EXPECT_EQ(*der,
            (Bytes{0x30, 0x07, 0x02, 0x01, 0x7f, 0x02, 0x02, 0x00, 0x80}));
}

}  // namespace
}  // namespace bestow::agent
