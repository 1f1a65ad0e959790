#include "server/est/requested_key.h"

#include <cstdint>

#include "absl/status/status.h"
#include "common/crypto/signer.h"
#include "common/der/oid.h"
#include "common/der/writer.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

Bytes EcSpki(const der::Oid& curve) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddSequence([&](der::Writer& id) {
      id.AddOid(oids::EcPublicKey());
      id.AddOid(curve);
    });
    fields.AddBitString(Bytes{4, 1, 2});  // no point of any curve
  });
  return *writer.Finish();
}

// `modulus`: content octets of an INTEGER.
Bytes RsaSpki(const Bytes& modulus) {
  der::Writer key;
  key.AddSequence([&](der::Writer& fields) {
    fields.AddInteger(modulus);
    fields.AddUint(3);
  });
  const Bytes public_key = *key.Finish();
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddSequence([&](der::Writer& id) {
      id.AddOid(oids::RsaEncryption());
      id.AddNull();
    });
    fields.AddBitString(public_key);
  });
  return *writer.Finish();
}

Bytes Modulus(size_t bits) {
  Bytes modulus(bits / 8 + 1, 0xff);
  modulus[0] = 0;
  return modulus;
}

// RFC 7030 4.4.1: the key's values are ignored, its type and size are not.
TEST(RequestedKeyTest, IsTheTypeAndSizeOfAKeyThatNeedNotBeOne) {
  EXPECT_EQ(*RequestedKeyType(EcSpki(oids::Prime256v1())), KeyType::kEcP256);
  EXPECT_EQ(*RequestedKeyType(EcSpki(oids::Secp384r1())), KeyType::kEcP384);
  EXPECT_EQ(*RequestedKeyType(RsaSpki(Modulus(2048))), KeyType::kRsa2048);
  EXPECT_EQ(*RequestedKeyType(RsaSpki(Modulus(3072))), KeyType::kRsa3072);
  for (KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048}) {
    EXPECT_EQ(
        *RequestedKeyType((*SoftwareSigner::Generate(type))->public_key_spki()),
        type);
  }
}

TEST(RequestedKeyTest, RefusesWhatIsNotMade) {
  Bytes short_by_a_bit = Modulus(2048);
  short_by_a_bit[0] = 0x7f;
  short_by_a_bit.pop_back();
  const Bytes kRefused[] = {
      EcSpki(der::OidLiteral("1.3.132.0.35")),  // P-521
      RsaSpki(Modulus(1024)),
      RsaSpki(Modulus(4096)),
      RsaSpki(Modulus(2056)),
      RsaSpki(short_by_a_bit),
      RsaSpki(Bytes{0}),
      (*SoftwareSigner::Generate(KeyType::kEd25519))->public_key_spki(),
      Bytes{0x30, 0x00},
      Bytes{},
  };
  for (const Bytes& spki : kRefused) {
    EXPECT_TRUE(absl::IsInvalidArgument(RequestedKeyType(spki).status()));
  }
}

}  // namespace
}  // namespace bestow::server
