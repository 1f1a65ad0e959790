#include "common/pki/signed.h"

#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"

namespace bestow {

std::string_view ReadSigned(ByteView der, Signed* out) {
  der::Reader reader(der), fields;
  if (!reader.ExpectSequence(&fields)) return "not a DER SEQUENCE";
  if (!reader.Finish()) return "bytes follow it";
  if (!fields.ExpectElement(CBS_ASN1_SEQUENCE, &out->tbs) ||
      !ExpectAlgorithmIdentifier(&fields, &out->algorithm) ||
      !fields.ExpectBitString(&out->signature) || !fields.Finish()) {
    return "malformed";
  }
  return "";
}

absl::StatusOr<Bytes> SerializeSignedDer(const Signed& parts) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddElement(parts.tbs);
    fields.AddElement(parts.algorithm);
    fields.AddBitString(parts.signature);
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> AssembleSignedDer(ByteView tbs_der,
                                        SignatureAlgorithm algorithm,
                                        ByteView signature) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddElement(tbs_der);
    AddSignatureAlgorithm(fields, algorithm);
    fields.AddBitString(signature);
  });
  return writer.Finish();
}

}  // namespace bestow
