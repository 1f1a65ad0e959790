#include "common/pki/algorithm.h"

#include "common/pki/oids.h"

namespace bestow {

bool ExpectAlgorithmIdentifier(der::Reader* reader, ByteView* element) {
  der::Reader outer, fields;
  ByteView oid, parameters;
  if (!reader->ExpectElement(CBS_ASN1_SEQUENCE, element)) return false;
  outer = der::Reader(*element);
  return outer.ExpectSequence(&fields) && fields.ExpectOid(&oid) &&
         (fields.empty() || fields.ExpectAny(&parameters)) && fields.Finish();
}

bool ExpectSubjectPublicKeyInfo(der::Reader* reader, ByteView* element) {
  der::Reader outer, fields;
  ByteView algorithm, public_key;
  if (!reader->ExpectElement(CBS_ASN1_SEQUENCE, element)) return false;
  outer = der::Reader(*element);
  return outer.ExpectSequence(&fields) &&
         ExpectAlgorithmIdentifier(&fields, &algorithm) &&
         fields.ExpectBitString(&public_key) && fields.Finish();
}

void AddSignatureAlgorithm(der::Writer& writer, SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kEcdsaP256Sha256:
      writer.AddSequence(
          [](der::Writer& fields) { fields.AddOid(oids::EcdsaWithSha256()); });
      return;
  }
}

}  // namespace bestow
