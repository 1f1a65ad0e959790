#include "common/ocsp/cert_id.h"

#include <openssl/sha.h>

#include <utility>

#include "common/crypto/public_key.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/oids.h"
#include "common/pki/serial.h"

namespace bestow {
namespace {

constexpr size_t kMaxHashBytes = 64;

Bytes Sha1Of(ByteView data) {
  Bytes digest(SHA_DIGEST_LENGTH);
  SHA1(data.data(), data.size(), digest.data());
  return digest;
}

Bytes Sha256Of(ByteView data) {
  const Sha256Digest digest = Sha256(data);
  return Bytes(digest.begin(), digest.end());
}

// RFC 6960 4.1.1: "the value (excluding tag, length, and number of unused
// bits) of the subject public key field".
bool ReadPublicKey(ByteView spki, ByteView* key) {
  der::Reader reader(spki), fields;
  ByteView algorithm;
  return reader.ExpectSequence(&fields) && reader.Finish() &&
         ExpectAlgorithmIdentifier(&fields, &algorithm) &&
         fields.ExpectBitString(key) && fields.Finish();
}

// The parameters of a hash: NULL, or left out (RFC 5754 2).
OcspHash HashOf(ByteView algorithm) {
  der::Reader reader(algorithm), fields;
  ByteView oid;
  if (!reader.ExpectSequence(&fields) || !fields.ExpectOid(&oid) ||
      !(fields.Finish() || (fields.ExpectNull() && fields.Finish()))) {
    return OcspHash::kOther;
  }
  const Bytes found = ToBytes(oid);
  if (found == oids::Sha1().content) return OcspHash::kSha1;
  if (found == oids::Sha256().content) return OcspHash::kSha256;
  return OcspHash::kOther;
}

}  // namespace

bool ExpectOcspCertId(der::Reader* reader, OcspCertId* id) {
  // CertID ::= SEQUENCE { hashAlgorithm AlgorithmIdentifier,
  //   issuerNameHash OCTET STRING, issuerKeyHash OCTET STRING,
  //   serialNumber CertificateSerialNumber }
  ByteView element, algorithm, name, key, serial;
  if (!reader->ExpectElement(CBS_ASN1_SEQUENCE, &element)) return false;
  der::Reader outer(element), fields;
  if (!outer.ExpectSequence(&fields) ||
      !ExpectAlgorithmIdentifier(&fields, &algorithm) ||
      !fields.ExpectOctetString(&name) || name.size() > kMaxHashBytes ||
      !fields.ExpectOctetString(&key) || key.size() > kMaxHashBytes ||
      !fields.ExpectInteger(&serial) || !IsReadableSerial(serial) ||
      !fields.Finish()) {
    return false;
  }
  *id = {ToBytes(element), HashOf(algorithm), ToBytes(name), ToBytes(key),
         ToBytes(serial)};
  return true;
}

absl::StatusOr<OcspIssuer> OcspIssuer::Create(const Name& name, ByteView spki) {
  ByteView key;
  if (!ReadPublicKey(spki, &key)) {
    return absl::InvalidArgumentError("OCSP: the issuer's key is malformed");
  }
  OcspIssuer issuer;
  issuer.sha1_ = {Sha1Of(name.der()), Sha1Of(key)};
  issuer.sha256_ = {Sha256Of(name.der()), Sha256Of(key)};
  return issuer;
}

bool OcspIssuer::Issued(const OcspCertId& id) const {
  if (id.hash == OcspHash::kOther) return false;
  const Hashes& hashes = id.hash == OcspHash::kSha1 ? sha1_ : sha256_;
  return id.issuer_name_hash == hashes.name && id.issuer_key_hash == hashes.key;
}

absl::StatusOr<OcspCertId> OcspIssuer::IdOf(ByteView serial,
                                            OcspHash hash) const {
  if (hash == OcspHash::kOther || !IsReadableSerial(serial)) {
    return absl::InvalidArgumentError("OCSP: no such hash or serial number");
  }
  const Hashes& hashes = hash == OcspHash::kSha1 ? sha1_ : sha256_;
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddSequence([&](der::Writer& algorithm) {
      algorithm.AddOid(hash == OcspHash::kSha1 ? oids::Sha1() : oids::Sha256());
      algorithm.AddNull();
    });
    fields.AddOctetString(hashes.name);
    fields.AddOctetString(hashes.key);
    fields.AddInteger(serial);
  });
  absl::StatusOr<Bytes> der = writer.Finish();
  if (!der.ok()) {
    return absl::InvalidArgumentError("OCSP: the serial is not minimal");
  }
  return OcspCertId{*std::move(der), hash, hashes.name, hashes.key,
                    ToBytes(serial)};
}

}  // namespace bestow
