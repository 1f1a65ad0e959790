#include "agent/tpm/tpm_public.h"

#include <openssl/bytestring.h>

#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/oids.h"

namespace bestow::agent {
namespace {

constexpr uint16_t kAlgSha256 = 0x000B;
constexpr uint16_t kAlgNull = 0x0010;
constexpr uint16_t kAlgEcdsa = 0x0018;
constexpr uint16_t kAlgEcc = 0x0023;
constexpr uint16_t kCurveNistP256 = 0x0003;
constexpr size_t kCoordinateBytes = 32;
constexpr size_t kMaxPolicyBytes = 64;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(
      std::string("the key's public part is no P-256 signing key of a TPM: ")
          .append(why));
}

bool Expect16(CBS* in, uint16_t wanted) {
  uint16_t value;
  return CBS_get_u16(in, &value) && value == wanted;
}

// TPMs may drop leading zero octets.
bool ReadCoordinate(CBS* in, Bytes* out) {
  CBS value;
  if (!CBS_get_u16_length_prefixed(in, &value) ||
      CBS_len(&value) > kCoordinateBytes || CBS_len(&value) == 0) {
    return false;
  }
  out->assign(kCoordinateBytes - CBS_len(&value), 0);
  out->insert(out->end(), CBS_data(&value), CBS_data(&value) + CBS_len(&value));
  return true;
}

void Put16(Bytes* out, uint16_t value) {
  out->push_back(static_cast<uint8_t>(value >> 8));
  out->push_back(static_cast<uint8_t>(value));
}

// The content octets of a minimal non-negative INTEGER.
Bytes UnsignedInteger(ByteView value) {
  while (!value.empty() && value.front() == 0) value.remove_prefix(1);
  Bytes out;
  if (value.empty() || (value.front() & 0x80) != 0) out.push_back(0);
  out.insert(out.end(), value.begin(), value.end());
  return out;
}

}  // namespace

absl::StatusOr<TpmEccPublic> ParseTpmEccPublic(ByteView blob) {
  CBS outer;
  CBS_init(&outer, blob.data(), blob.size());
  CBS in;
  if (!CBS_get_u16_length_prefixed(&outer, &in) || CBS_len(&outer) != 0) {
    return Malformed("wrong size");
  }
  TpmEccPublic key;
  CBS policy;
  if (!Expect16(&in, kAlgEcc)) return Malformed("not ECC");
  if (!Expect16(&in, kAlgSha256)) return Malformed("name algorithm");
  if (!CBS_get_u32(&in, &key.attributes) ||
      !CBS_get_u16_length_prefixed(&in, &policy) ||
      CBS_len(&policy) > kMaxPolicyBytes) {
    return Malformed("attributes or policy");
  }
  if (!Expect16(&in, kAlgNull)) return Malformed("symmetric algorithm");
  uint16_t scheme;
  if (!CBS_get_u16(&in, &scheme)) return Malformed("scheme");
  if (scheme != kAlgNull &&
      (scheme != kAlgEcdsa || !Expect16(&in, kAlgSha256))) {
    return Malformed("scheme");
  }
  if (!Expect16(&in, kCurveNistP256)) return Malformed("curve");
  if (!Expect16(&in, kAlgNull)) return Malformed("KDF");
  if (!ReadCoordinate(&in, &key.x) || !ReadCoordinate(&in, &key.y) ||
      CBS_len(&in) != 0) {
    return Malformed("point");
  }
  return key;
}

Bytes SerializeTpmEccPublic(const TpmEccPublic& key) {
  Bytes area;
  Put16(&area, kAlgEcc);
  Put16(&area, kAlgSha256);
  Put16(&area, static_cast<uint16_t>(key.attributes >> 16));
  Put16(&area, static_cast<uint16_t>(key.attributes));
  Put16(&area, 0);  // no policy
  Put16(&area, kAlgNull);
  Put16(&area, kAlgNull);
  Put16(&area, kCurveNistP256);
  Put16(&area, kAlgNull);
  for (const Bytes* coordinate : {&key.x, &key.y}) {
    Put16(&area, static_cast<uint16_t>(coordinate->size()));
    area.insert(area.end(), coordinate->begin(), coordinate->end());
  }
  Bytes blob;
  Put16(&blob, static_cast<uint16_t>(area.size()));
  blob.insert(blob.end(), area.begin(), area.end());
  return blob;
}

absl::StatusOr<Bytes> TpmPublicToSpki(ByteView blob) {
  absl::StatusOr<TpmEccPublic> key = ParseTpmEccPublic(blob);
  if (!key.ok()) return key.status();
  Bytes point = {0x04};  // uncompressed (SEC 1, 2.3.3)
  point.insert(point.end(), key->x.begin(), key->x.end());
  point.insert(point.end(), key->y.begin(), key->y.end());
  // SubjectPublicKeyInfo ::= SEQUENCE { algorithm, subjectPublicKey }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& spki) {
    spki.AddSequence([](der::Writer& algorithm) {
      algorithm.AddOid(oids::EcPublicKey());
      algorithm.AddOid(oids::Prime256v1());
    });
    spki.AddBitString(point);
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> EcdsaSignatureDer(ByteView r, ByteView s) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& signature) {
    signature.AddInteger(UnsignedInteger(r));
    signature.AddInteger(UnsignedInteger(s));
  });
  return writer.Finish();
}

}  // namespace bestow::agent
