#include "server/est/requested_key.h"

#include "common/der/oid.h"
#include "common/der/reader.h"
#include "common/pki/oids.h"

namespace bestow::server {
namespace {

absl::Status CannotMake() {
  return absl::InvalidArgumentError(
      "this server makes keys of the types ec-p256, ec-p384, rsa-2048 and "
      "rsa-3072: put a key of one of them into the request");
}

der::Oid OidOf(ByteView content) {
  return der::Oid{Bytes(content.begin(), content.end())};
}

// RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
absl::StatusOr<KeyType> RsaTypeOf(ByteView public_key) {
  der::Reader reader(public_key), fields;
  ByteView modulus;
  if (!reader.ExpectSequence(&fields) || !fields.ExpectInteger(&modulus)) {
    return CannotMake();
  }
  if (!modulus.empty() && modulus[0] == 0) modulus = modulus.subspan(1);
  // A modulus of n bits has its top bit set, or it has fewer.
  if (modulus.empty() || (modulus[0] & 0x80) == 0) return CannotMake();
  switch (modulus.size() * 8) {
    case 2048:
      return KeyType::kRsa2048;
    case 3072:
      return KeyType::kRsa3072;
    default:
      return CannotMake();
  }
}

}  // namespace

absl::StatusOr<KeyType> RequestedKeyType(ByteView spki) {
  der::Reader reader(spki), fields, algorithm;
  ByteView type, public_key;
  if (!reader.ExpectSequence(&fields) || !fields.ExpectSequence(&algorithm) ||
      !algorithm.ExpectOid(&type) || !fields.ExpectBitString(&public_key)) {
    return CannotMake();
  }
  if (OidOf(type) == oids::RsaEncryption()) return RsaTypeOf(public_key);
  ByteView curve;
  if (OidOf(type) != oids::EcPublicKey() || !algorithm.ExpectOid(&curve)) {
    return CannotMake();
  }
  if (OidOf(curve) == oids::Prime256v1()) return KeyType::kEcP256;
  if (OidOf(curve) == oids::Secp384r1()) return KeyType::kEcP384;
  return CannotMake();
}

}  // namespace bestow::server
