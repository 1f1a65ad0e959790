#include "common/pki/algorithm.h"

#include "common/pki/oids.h"

namespace bestow {
namespace {

constexpr der::Tag kContext = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;
constexpr uint64_t kSha256Bytes = 32;

// ECDSA and Ed25519 MUST NOT have parameters (RFC 5758 3.2, RFC 8410 3).
void AddAlgorithm(der::Writer& writer, const der::Oid& oid) {
  writer.AddSequence([&](der::Writer& fields) { fields.AddOid(oid); });
}

// RSA and its hashes MUST have NULL (RFC 4055 2.1, 5).
void AddAlgorithmWithNull(der::Writer& writer, const der::Oid& oid) {
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddOid(oid);
    fields.AddNull();
  });
}

// rSASSA-PSS-SHA256-Identifier (RFC 4055 3.1, 6).
void AddPssSha256(der::Writer& writer) {
  writer.AddSequence([](der::Writer& fields) {
    fields.AddOid(oids::RsassaPss());
    fields.AddSequence([](der::Writer& params) {
      params.Add(kContext | 0, [](der::Writer& hash) {
        AddAlgorithmWithNull(hash, oids::Sha256());
      });
      params.Add(kContext | 1, [](der::Writer& mask) {
        mask.AddSequence([](der::Writer& mgf1) {
          mgf1.AddOid(oids::Mgf1());
          AddAlgorithmWithNull(mgf1, oids::Sha256());
        });
      });
      params.Add(kContext | 2,
                 [](der::Writer& salt) { salt.AddUint(kSha256Bytes); });
    });
  });
}

}  // namespace

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
      return AddAlgorithm(writer, oids::EcdsaWithSha256());
    case SignatureAlgorithm::kEcdsaP384Sha384:
      return AddAlgorithm(writer, oids::EcdsaWithSha384());
    case SignatureAlgorithm::kEd25519:
      return AddAlgorithm(writer, oids::Ed25519());
    case SignatureAlgorithm::kRsaPkcs1Sha256:
      return AddAlgorithmWithNull(writer, oids::Sha256WithRsa());
    case SignatureAlgorithm::kRsaPssSha256:
      return AddPssSha256(writer);
  }
}

}  // namespace bestow
