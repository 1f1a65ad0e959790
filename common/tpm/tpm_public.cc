#include "common/tpm/tpm_public.h"

#include <openssl/bytestring.h>

#include <optional>
#include <string>

#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/oids.h"

namespace bestow {
namespace {

constexpr uint16_t kAlgRsa = 0x0001;
constexpr uint16_t kAlgKeyedHash = 0x0008;
constexpr uint16_t kAlgSha256 = 0x000B;
constexpr uint16_t kAlgSha384 = 0x000C;
constexpr uint16_t kAlgNull = 0x0010;
constexpr uint16_t kAlgEcdsa = 0x0018;
constexpr uint16_t kAlgEcc = 0x0023;
constexpr size_t kMaxPolicyBytes = 64;
constexpr size_t kUniqueBytes = 32;  // of the name algorithm
constexpr uint32_t kDefaultExponent = 65537;

struct Curve {
  KeyType type;
  uint16_t id;  // TPM_ECC_CURVE
  uint16_t hash;
  size_t coordinate_bytes;
};
constexpr Curve kCurves[] = {
    {KeyType::kEcP256, 0x0003, kAlgSha256, 32},
    {KeyType::kEcP384, 0x0004, kAlgSha384, 48},
};

struct RsaSize {
  KeyType type;
  uint16_t bits;
};
constexpr RsaSize kRsaSizes[] = {
    {KeyType::kRsa2048, 2048},
    {KeyType::kRsa3072, 3072},
};

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(
      std::string("the key's public part is no signing key of a TPM that can "
                  "be used here: ")
          .append(why));
}

bool Expect16(CBS* in, uint16_t wanted) {
  uint16_t value;
  return CBS_get_u16(in, &value) && value == wanted;
}

// A number of at most `size` octets, padded to that: TPMs may drop leading
// zero octets.
bool ReadNumber(CBS* in, size_t size, Bytes* out) {
  CBS value;
  if (!CBS_get_u16_length_prefixed(in, &value) || CBS_len(&value) > size ||
      CBS_len(&value) == 0) {
    return false;
  }
  out->assign(size - CBS_len(&value), 0);
  out->insert(out->end(), CBS_data(&value), CBS_data(&value) + CBS_len(&value));
  return true;
}

// The low 16 bits.
void Put16(Bytes* out, size_t value) {
  out->push_back(static_cast<uint8_t>(value >> 8));
  out->push_back(static_cast<uint8_t>(value));
}

void PutSized(Bytes* out, ByteView value) {
  Put16(out, value.size());
  out->insert(out->end(), value.begin(), value.end());
}

// The content octets of a minimal non-negative INTEGER.
Bytes UnsignedInteger(ByteView value) {
  while (!value.empty() && value.front() == 0) value.remove_prefix(1);
  Bytes out;
  if (value.empty() || (value.front() & 0x80) != 0) out.push_back(0);
  out.insert(out.end(), value.begin(), value.end());
  return out;
}

// TPMS_ECC_PARMS after its symmetric algorithm, and TPMS_ECC_POINT.
absl::Status ReadEc(CBS* in, TpmPublic* key) {
  uint16_t scheme;
  uint16_t hash = 0;
  uint16_t id;
  if (!CBS_get_u16(in, &scheme) ||
      (scheme != kAlgNull &&
       (scheme != kAlgEcdsa || !CBS_get_u16(in, &hash)))) {
    return Malformed("scheme");
  }
  if (!CBS_get_u16(in, &id)) return Malformed("curve");
  const Curve* curve = nullptr;
  for (const Curve& known : kCurves) {
    if (known.id == id) curve = &known;
  }
  if (curve == nullptr) return Malformed("a curve other than P-256 and P-384");
  if (scheme == kAlgEcdsa && hash != curve->hash) return Malformed("scheme");
  if (!Expect16(in, kAlgNull)) return Malformed("KDF");
  if (!ReadNumber(in, curve->coordinate_bytes, &key->x) ||
      !ReadNumber(in, curve->coordinate_bytes, &key->y)) {
    return Malformed("point");
  }
  key->type = curve->type;
  return absl::OkStatus();
}

// TPMS_RSA_PARMS after its symmetric algorithm, and TPM2B_PUBLIC_KEY_RSA.
absl::Status ReadRsa(CBS* in, TpmPublic* key) {
  if (!Expect16(in, kAlgNull)) return Malformed("scheme");
  uint16_t bits;
  uint32_t exponent;
  if (!CBS_get_u16(in, &bits) || !CBS_get_u32(in, &exponent)) {
    return Malformed("RSA parameters");
  }
  std::optional<KeyType> type;
  for (const RsaSize& size : kRsaSizes) {
    if (size.bits == bits) type = size.type;
  }
  if (!type) return Malformed("RSA of another size than 2048 and 3072 bits");
  // Zero stands for the default (Part 2, 12.2.3.5).
  if (exponent != 0 && exponent != kDefaultExponent) {
    return Malformed("RSA exponent");
  }
  // A modulus of n bits has its top bit set.
  if (!ReadNumber(in, bits / 8, &key->modulus) ||
      (key->modulus.front() & 0x80) == 0) {
    return Malformed("modulus");
  }
  key->type = *type;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TpmPublic> ParseTpmPublic(ByteView blob) {
  CBS outer;
  CBS_init(&outer, blob.data(), blob.size());
  CBS in;
  if (!CBS_get_u16_length_prefixed(&outer, &in) || CBS_len(&outer) != 0) {
    return Malformed("wrong size");
  }
  TpmPublic key;
  uint16_t algorithm;
  CBS policy;
  if (!CBS_get_u16(&in, &algorithm) ||
      (algorithm != kAlgEcc && algorithm != kAlgRsa)) {
    return Malformed("neither ECC nor RSA");
  }
  if (!Expect16(&in, kAlgSha256)) return Malformed("name algorithm");
  if (!CBS_get_u32(&in, &key.attributes) ||
      !CBS_get_u16_length_prefixed(&in, &policy) ||
      CBS_len(&policy) > kMaxPolicyBytes) {
    return Malformed("attributes or policy");
  }
  key.policy.assign(CBS_data(&policy), CBS_data(&policy) + CBS_len(&policy));
  if (!Expect16(&in, kAlgNull)) return Malformed("symmetric algorithm");
  absl::Status rest =
      algorithm == kAlgEcc ? ReadEc(&in, &key) : ReadRsa(&in, &key);
  if (!rest.ok()) return rest;
  if (CBS_len(&in) != 0) return Malformed("trailing octets");
  return key;
}

Bytes SerializeTpmPublic(const TpmPublic& key) {
  const Curve* curve = nullptr;
  for (const Curve& known : kCurves) {
    if (known.type == key.type) curve = &known;
  }
  Bytes area;
  Put16(&area, curve != nullptr ? kAlgEcc : kAlgRsa);
  Put16(&area, kAlgSha256);
  Put16(&area, key.attributes >> 16);
  Put16(&area, key.attributes);
  PutSized(&area, key.policy);
  Put16(&area, kAlgNull);  // symmetric
  Put16(&area, kAlgNull);  // scheme
  if (curve != nullptr) {
    Put16(&area, curve->id);
    Put16(&area, kAlgNull);  // KDF
    PutSized(&area, key.x);
    PutSized(&area, key.y);
  } else {
    Put16(&area, key.modulus.size() * 8);
    Put16(&area, 0);  // the default exponent, in 32 bits
    Put16(&area, 0);
    PutSized(&area, key.modulus);
  }
  Bytes blob;
  PutSized(&blob, area);
  return blob;
}

absl::StatusOr<Bytes> TpmPublicToSpki(ByteView blob) {
  absl::StatusOr<TpmPublic> key = ParseTpmPublic(blob);
  if (!key.ok()) return key.status();
  // SubjectPublicKeyInfo ::= SEQUENCE { algorithm, subjectPublicKey }
  der::Writer writer;
  if (!key->modulus.empty()) {
    // RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
    der::Writer rsa;
    rsa.AddSequence([&](der::Writer& out) {
      out.AddInteger(UnsignedInteger(key->modulus));
      out.AddUint(kDefaultExponent);
    });
    absl::StatusOr<Bytes> numbers = rsa.Finish();
    if (!numbers.ok()) return numbers.status();
    writer.AddSequence([&](der::Writer& spki) {
      spki.AddSequence([](der::Writer& algorithm) {
        algorithm.AddOid(oids::RsaEncryption());
        algorithm.AddNull();
      });
      spki.AddBitString(*numbers);
    });
    return writer.Finish();
  }
  Bytes point = {0x04};  // uncompressed (SEC 1, 2.3.3)
  point.insert(point.end(), key->x.begin(), key->x.end());
  point.insert(point.end(), key->y.begin(), key->y.end());
  writer.AddSequence([&](der::Writer& spki) {
    spki.AddSequence([&](der::Writer& algorithm) {
      algorithm.AddOid(oids::EcPublicKey());
      algorithm.AddOid(key->type == KeyType::kEcP256 ? oids::Prime256v1()
                                                     : oids::Secp384r1());
    });
    spki.AddBitString(point);
  });
  return writer.Finish();
}

// TPMT_PUBLIC of a KEYEDHASH object: TPMS_KEYEDHASH_PARMS is the scheme alone,
// and the unique field is a digest (Part 2, 12.2.3.3 and 12.2.3.2).
absl::Status CheckTpmSealedPublic(ByteView blob) {
  CBS outer, in, policy, unique;
  CBS_init(&outer, blob.data(), blob.size());
  uint32_t attributes;
  if (!CBS_get_u16_length_prefixed(&outer, &in) || CBS_len(&outer) != 0 ||
      !Expect16(&in, kAlgKeyedHash) || !Expect16(&in, kAlgSha256) ||
      !CBS_get_u32(&in, &attributes) ||
      !CBS_get_u16_length_prefixed(&in, &policy) ||
      CBS_len(&policy) > kMaxPolicyBytes || !Expect16(&in, kAlgNull) ||
      !CBS_get_u16_length_prefixed(&in, &unique) ||
      CBS_len(&unique) != kUniqueBytes || CBS_len(&in) != 0) {
    return absl::InvalidArgumentError(
        "the public part is not that of a sealed secret");
  }
  return absl::OkStatus();
}

Bytes SerializeTpmSealedPublic(ByteView unique) {
  Bytes area;
  Put16(&area, kAlgKeyedHash);
  Put16(&area, kAlgSha256);
  Put16(&area, kSealedAttributes >> 16);
  Put16(&area, kSealedAttributes);
  Put16(&area, 0);         // no policy
  Put16(&area, kAlgNull);  // scheme
  PutSized(&area, unique);
  Bytes blob;
  PutSized(&blob, area);
  return blob;
}

absl::StatusOr<Bytes> EcdsaSignatureDer(ByteView r, ByteView s) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& signature) {
    signature.AddInteger(UnsignedInteger(r));
    signature.AddInteger(UnsignedInteger(s));
  });
  return writer.Finish();
}

}  // namespace bestow
