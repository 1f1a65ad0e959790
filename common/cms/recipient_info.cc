#include "common/cms/recipient_info.h"

#include "common/cms/algorithm.h"
#include "common/pki/algorithm.h"
#include "common/pki/oids.h"

namespace bestow::cms {
namespace {

constexpr uint64_t kKtriVersionIssuer = 0;
constexpr uint64_t kKtriVersionKeyId = 2;
constexpr uint64_t kKariVersion = 3;
constexpr uint64_t kKekriVersion = 4;

// IssuerAndSerialNumber ::= SEQUENCE { issuer Name, serialNumber INTEGER }
bool ReadIssuerAndSerial(der::Reader* reader, RecipientId* id) {
  der::Reader fields;
  ByteView issuer, serial;
  if (!reader->ExpectSequence(&fields) ||
      !fields.ExpectElement(CBS_ASN1_SEQUENCE, &issuer) ||
      !fields.ExpectInteger(&serial) || !fields.Finish()) {
    return false;
  }
  id->issuer = ToBytes(issuer);
  id->serial = ToBytes(serial);
  return true;
}

void AddIssuerAndSerial(der::Writer& writer, const RecipientId& id) {
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddElement(id.issuer);
    fields.AddInteger(id.serial);
  });
}

// RecipientIdentifier ::= CHOICE { IssuerAndSerialNumber,
//   subjectKeyIdentifier [0] IMPLICIT OCTET STRING }
// KeyTransRecipientInfo ::= SEQUENCE { version, rid, keyEncryptionAlgorithm,
//   encryptedKey OCTET STRING }
bool ReadKeyTransport(der::Reader fields, RecipientInfo* out) {
  uint64_t version = 0;
  der::Reader key_id;
  bool by_key_id = false;
  ByteView algorithm, encrypted_key;
  if (!fields.ExpectUint(&version) ||
      !fields.Match(Primitive(0), &key_id, &by_key_id) ||
      version != (by_key_id ? kKtriVersionKeyId : kKtriVersionIssuer)) {
    return false;
  }
  if (by_key_id) {
    out->id.subject_key_id = ToBytes(key_id.rest());
  } else if (!ReadIssuerAndSerial(&fields, &out->id)) {
    return false;
  }
  if (!ExpectAlgorithmIdentifier(&fields, &algorithm) ||
      !ParseOaep(algorithm).ok() || !fields.ExpectOctetString(&encrypted_key) ||
      !fields.Finish()) {
    return false;
  }
  out->kind = RecipientInfo::Kind::kKeyTransport;
  out->algorithm = ToBytes(algorithm);
  out->encrypted_key = ToBytes(encrypted_key);
  return true;
}

void AddKeyTransport(der::Writer& writer, const RecipientInfo& info) {
  writer.AddSequence([&](der::Writer& fields) {
    if (info.id.subject_key_id.has_value()) {
      fields.AddUint(kKtriVersionKeyId);
      fields.AddPrimitive(Primitive(0), *info.id.subject_key_id);
    } else {
      fields.AddUint(kKtriVersionIssuer);
      AddIssuerAndSerial(fields, info.id);
    }
    fields.AddElement(info.algorithm);
    fields.AddOctetString(info.encrypted_key);
  });
}

// RFC 5753 7.1.2 allows ECParameters beside id-ecPublicKey; they have to be
// the recipient's, whose point tells.
bool IsEcPublicKey(ByteView algorithm) {
  der::Reader reader(algorithm), fields;
  ByteView oid;
  return reader.ExpectSequence(&fields) && fields.ExpectOid(&oid) &&
         ToBytes(oid) == oids::EcPublicKey().content;
}

// KeyAgreeRecipientInfo ::= SEQUENCE { version (3),
//   originator [0] EXPLICIT OriginatorIdentifierOrKey,
//   ukm [1] EXPLICIT OCTET STRING OPTIONAL, keyEncryptionAlgorithm,
//   recipientEncryptedKeys SEQUENCE OF RecipientEncryptedKey }
// RFC 5753 3.1.1: the originator is originatorKey [1] IMPLICIT
//   OriginatorPublicKey ::= SEQUENCE { algorithm, publicKey BIT STRING }
// RecipientEncryptedKey ::= SEQUENCE { rid CHOICE { IssuerAndSerialNumber,
//   rKeyId [0] IMPLICIT SEQUENCE { subjectKeyIdentifier, date, other } },
//   encryptedKey OCTET STRING }
bool ReadKeyAgreement(der::Reader fields, RecipientInfo* out) {
  uint64_t version = 0;
  der::Reader originator, public_key, ukm, keys, key, key_id;
  bool has_ukm = false, by_key_id = false;
  ByteView originator_algorithm, point, ukm_content, algorithm, id,
      encrypted_key;
  if (!fields.ExpectUint(&version) || version != kKariVersion ||
      !fields.Expect(Constructed(0), &originator) ||
      !originator.Expect(Constructed(1), &public_key) || !originator.Finish() ||
      !ExpectAlgorithmIdentifier(&public_key, &originator_algorithm) ||
      !IsEcPublicKey(originator_algorithm) ||
      !public_key.ExpectBitString(&point) || !public_key.Finish() ||
      !fields.Match(Constructed(1), &ukm, &has_ukm) ||
      (has_ukm && (!ukm.ExpectOctetString(&ukm_content) || !ukm.Finish())) ||
      !ExpectAlgorithmIdentifier(&fields, &algorithm) ||
      !ParseKeyAgreement(algorithm).ok() || !fields.ExpectSequence(&keys) ||
      !fields.Finish() || !keys.ExpectSequence(&key) || !keys.Finish() ||
      !key.Match(Constructed(0), &key_id, &by_key_id)) {
    return false;
  }
  if (by_key_id) {
    if (!key_id.ExpectOctetString(&id) || !key_id.Finish()) return false;
    out->id.subject_key_id = ToBytes(id);
  } else if (!ReadIssuerAndSerial(&key, &out->id)) {
    return false;
  }
  if (!key.ExpectOctetString(&encrypted_key) || !key.Finish()) return false;
  out->kind = RecipientInfo::Kind::kKeyAgreement;
  out->originator_algorithm = ToBytes(originator_algorithm);
  out->originator_point = ToBytes(point);
  if (has_ukm) out->ukm = ToBytes(ukm_content);
  out->algorithm = ToBytes(algorithm);
  out->encrypted_key = ToBytes(encrypted_key);
  return true;
}

void AddKeyAgreement(der::Writer& writer, const RecipientInfo& info) {
  writer.Add(Constructed(1), [&](der::Writer& fields) {
    fields.AddUint(kKariVersion);
    fields.Add(Constructed(0), [&](der::Writer& originator) {
      originator.Add(Constructed(1), [&](der::Writer& public_key) {
        public_key.AddElement(info.originator_algorithm);
        public_key.AddBitString(info.originator_point);
      });
    });
    if (info.ukm.has_value()) {
      fields.Add(Constructed(1),
                 [&](der::Writer& ukm) { ukm.AddOctetString(*info.ukm); });
    }
    fields.AddElement(info.algorithm);
    fields.AddSequence([&](der::Writer& keys) {
      keys.AddSequence([&](der::Writer& key) {
        if (info.id.subject_key_id.has_value()) {
          key.Add(Constructed(0), [&](der::Writer& key_id) {
            key_id.AddOctetString(*info.id.subject_key_id);
          });
        } else {
          AddIssuerAndSerial(key, info.id);
        }
        key.AddOctetString(info.encrypted_key);
      });
    });
  });
}

// KEKRecipientInfo ::= SEQUENCE { version (4),
//   kekid SEQUENCE { keyIdentifier OCTET STRING, date, other },
//   keyEncryptionAlgorithm, encryptedKey OCTET STRING }
bool ReadKek(der::Reader fields, RecipientInfo* out) {
  uint64_t version = 0;
  der::Reader kek_id;
  ByteView identifier, algorithm, encrypted_key;
  if (!fields.ExpectUint(&version) || version != kKekriVersion ||
      !fields.ExpectSequence(&kek_id) ||
      !kek_id.ExpectOctetString(&identifier) || !kek_id.Finish() ||
      !ExpectAlgorithmIdentifier(&fields, &algorithm) ||
      !ParseKeyWrap(algorithm).ok() ||
      !fields.ExpectOctetString(&encrypted_key) || !fields.Finish()) {
    return false;
  }
  out->kind = RecipientInfo::Kind::kKek;
  out->kek_identifier = ToBytes(identifier);
  out->algorithm = ToBytes(algorithm);
  out->encrypted_key = ToBytes(encrypted_key);
  return true;
}

void AddKek(der::Writer& writer, const RecipientInfo& info) {
  writer.Add(Constructed(2), [&](der::Writer& fields) {
    fields.AddUint(kKekriVersion);
    fields.AddSequence(
        [&](der::Writer& id) { id.AddOctetString(info.kek_identifier); });
    fields.AddElement(info.algorithm);
    fields.AddOctetString(info.encrypted_key);
  });
}

}  // namespace

// RecipientInfo ::= CHOICE { ktri, kari [1], kekri [2], pwri [3], ori [4] }
RecipientInfo ReadRecipient(ByteView element, der::Tag tag) {
  der::Reader reader(element), fields;
  RecipientInfo out;
  bool known = reader.Expect(tag, &fields);
  if (tag == CBS_ASN1_SEQUENCE) {
    known = known && ReadKeyTransport(fields, &out);
  } else if (tag == Constructed(1)) {
    known = known && ReadKeyAgreement(fields, &out);
  } else if (tag == Constructed(2)) {
    known = known && ReadKek(fields, &out);
  } else {
    known = false;
  }
  if (known) return out;
  RecipientInfo other;
  other.other = ToBytes(element);
  return other;
}

void AddRecipient(der::Writer& writer, const RecipientInfo& info) {
  switch (info.kind) {
    case RecipientInfo::Kind::kKek:
      return AddKek(writer, info);
    case RecipientInfo::Kind::kKeyTransport:
      return AddKeyTransport(writer, info);
    case RecipientInfo::Kind::kKeyAgreement:
      return AddKeyAgreement(writer, info);
    case RecipientInfo::Kind::kOther:
      return writer.AddElement(info.other);
  }
}

}  // namespace bestow::cms
