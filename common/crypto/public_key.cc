#include "common/crypto/public_key.h"

#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/errors.h"
#include "common/der/reader.h"

namespace bestow {
namespace {

constexpr unsigned kMinRsaBits = 2048;
constexpr unsigned kMaxRsaBits = 4096;
constexpr uint64_t kMinRsaExponent = 65537;

// SubjectPublicKeyInfo ::= SEQUENCE {
//   algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }
bool ReadSubjectPublicKey(ByteView spki, ByteView* public_key) {
  der::Reader reader(spki), fields;
  return reader.ExpectSequence(&fields) && reader.Finish() &&
         fields.Skip(CBS_ASN1_SEQUENCE) && fields.ExpectBitString(public_key) &&
         fields.Finish();
}

bssl::UniquePtr<EVP_PKEY> ParseKey(ByteView spki) {
  CBS cbs;
  CBS_init(&cbs, spki.data(), spki.size());
  bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&cbs));
  if (key == nullptr || CBS_len(&cbs) != 0) {
    ERR_clear_error();
    return nullptr;
  }
  return key;
}

absl::Status CheckEc(const EC_KEY* key, ByteView spki) {
  const int curve = EC_GROUP_get_curve_name(EC_KEY_get0_group(key));
  if (curve != NID_X9_62_prime256v1 && curve != NID_secp384r1) {
    return absl::InvalidArgumentError(
        "the key's curve is neither P-256 nor P-384");
  }
  ByteView point;
  if (!ReadSubjectPublicKey(spki, &point) || point.empty() ||
      point[0] != POINT_CONVERSION_UNCOMPRESSED) {
    return absl::InvalidArgumentError("the key's point is not uncompressed");
  }
  if (!EC_KEY_check_key(key)) {
    return CryptoError("the EC key", absl::StatusCode::kInvalidArgument);
  }
  return absl::OkStatus();
}

absl::Status CheckRsa(const RSA* key) {
  const BIGNUM* modulus = RSA_get0_n(key);
  const BIGNUM* exponent = RSA_get0_e(key);
  const unsigned bits = BN_num_bits(modulus);
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return absl::InvalidArgumentError(
        absl::StrCat("the RSA key has ", bits, " bits; ", kMinRsaBits, " to ",
                     kMaxRsaBits, " are taken"));
  }
  if (!BN_is_odd(modulus)) {
    return absl::InvalidArgumentError("the RSA modulus is even");
  }
  uint64_t value = 0;
  // An exponent beyond 64 bits has been refused by the parser.
  if (!BN_is_odd(exponent) || !BN_get_u64(exponent, &value) ||
      value < kMinRsaExponent) {
    return absl::InvalidArgumentError(
        "the RSA public exponent is even or under 65537");
  }
  return absl::OkStatus();
}

}  // namespace

Sha256Digest Sha256(ByteView data) {
  Sha256Digest digest;
  SHA256(data.data(), data.size(), digest.data());
  return digest;
}

std::string HexEncode(ByteView data) {
  return absl::BytesToHexString(AsText(data));
}

absl::Status CheckPublicKeyStrength(ByteView spki) {
  const bssl::UniquePtr<EVP_PKEY> key = ParseKey(spki);
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        "the public key is malformed, off its curve, or of an unknown type");
  }
  switch (EVP_PKEY_id(key.get())) {
    case EVP_PKEY_EC:
      return CheckEc(EVP_PKEY_get0_EC_KEY(key.get()), spki);
    case EVP_PKEY_RSA:
      return CheckRsa(EVP_PKEY_get0_RSA(key.get()));
    default:
      return absl::InvalidArgumentError("the key is neither EC nor RSA");
  }
}

Bytes KeyIdentifier(ByteView spki) {
  ByteView public_key;
  if (!ReadSubjectPublicKey(spki, &public_key)) return {};
  Bytes id(SHA_DIGEST_LENGTH);
  SHA1(public_key.data(), public_key.size(), id.data());
  return id;
}

}  // namespace bestow
