#include "common/pki/pkcs10.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/pkcs10_attributes.h"

namespace bestow {
namespace {

constexpr size_t kMaxAttributes = 32;
constexpr uint64_t kVersion1 = 0;
constexpr der::Tag kAttributesTag =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("PKCS#10: ", why));
}

absl::Status ReadAttributes(der::Reader list, Pkcs10Request* request) {
  while (!list.empty()) {
    CsrAttribute attribute;
    if (!ExpectAttribute(&list, &attribute)) {
      return Malformed("an attribute is malformed");
    }
    for (const CsrAttribute& other : request->attributes) {
      if (other.type == attribute.type) {
        return Malformed(absl::StrCat("attribute ",
                                      der::OidToDotted(attribute.type.content),
                                      " stands there twice"));
      }
    }
    if (request->attributes.size() == kMaxAttributes) {
      return Malformed("too many attributes");
    }
    absl::Status status = DecodeAttribute(attribute, request);
    if (!status.ok()) return status;
    request->attributes.push_back(std::move(attribute));
  }
  return absl::OkStatus();
}

// CertificationRequestInfo ::= SEQUENCE { version INTEGER { v1(0) },
//   subject Name, subjectPKInfo SubjectPublicKeyInfo,
//   attributes [0] IMPLICIT SET OF Attribute }
absl::Status ReadInfo(Pkcs10Request* request) {
  der::Reader reader(request->info_der), info, attributes;
  uint64_t version = 0;
  ByteView subject, spki;
  bool has_attributes = false;
  if (!reader.ExpectSequence(&info) || !info.ExpectUint(&version)) {
    return Malformed("the CertificationRequestInfo is malformed");
  }
  if (version != kVersion1) return Malformed("the version is not v1");
  if (!info.ExpectElement(CBS_ASN1_SEQUENCE, &subject)) {
    return Malformed("the subject is malformed");
  }
  absl::StatusOr<Name> name = Name::ParseDer(subject);
  if (!name.ok()) return Malformed(name.status().message());
  request->subject = *std::move(name);
  if (!ExpectSubjectPublicKeyInfo(&info, &spki)) {
    return Malformed("the SubjectPublicKeyInfo is malformed");
  }
  request->spki = ToBytes(spki);
  if (!info.Match(kAttributesTag, &attributes, &has_attributes) ||
      !info.Finish()) {
    return Malformed("the attributes are malformed");
  }
  request->attributes_omitted = !has_attributes;
  return ReadAttributes(attributes, request);
}

void AddInfo(der::Writer& writer, const Name& subject, ByteView spki,
             const std::vector<CsrAttribute>& attributes,
             bool attributes_omitted) {
  writer.AddSequence([&](der::Writer& info) {
    info.AddUint(kVersion1);
    info.AddElement(subject.der());
    info.AddElement(spki);
    if (attributes_omitted) return;
    info.Add(kAttributesTag, [&](der::Writer& list) {
      for (const CsrAttribute& attribute : attributes) {
        AddAttribute(list, attribute);
      }
    });
  });
}

absl::StatusOr<Bytes> SerializeAttribute(const CsrAttribute& attribute) {
  der::Writer writer;
  AddAttribute(writer, attribute);
  return writer.Finish();
}

}  // namespace

absl::StatusOr<Pkcs10Request> ParsePkcs10Der(ByteView der) {
  // CertificationRequest ::= SEQUENCE { certificationRequestInfo,
  //   signatureAlgorithm AlgorithmIdentifier, signature BIT STRING }
  der::Reader reader(der), fields;
  ByteView info, algorithm, signature;
  if (!reader.ExpectSequence(&fields)) return Malformed("not a DER SEQUENCE");
  if (!reader.Finish()) return Malformed("bytes follow the request");
  if (!fields.ExpectElement(CBS_ASN1_SEQUENCE, &info) ||
      !ExpectAlgorithmIdentifier(&fields, &algorithm) ||
      !fields.ExpectBitString(&signature) || !fields.Finish()) {
    return Malformed("the CertificationRequest is malformed");
  }
  Pkcs10Request request;
  request.der = ToBytes(der);
  request.info_der = ToBytes(info);
  request.signature_algorithm = ToBytes(algorithm);
  request.signature = ToBytes(signature);
  absl::Status status = ReadInfo(&request);
  if (!status.ok()) return status;
  return request;
}

absl::StatusOr<Bytes> SerializePkcs10Der(const Pkcs10Request& request) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    AddInfo(fields, request.subject, request.spki, request.attributes,
            request.attributes_omitted);
    fields.AddElement(request.signature_algorithm);
    fields.AddBitString(request.signature);
  });
  return writer.Finish();
}

absl::Status VerifyPkcs10Signature(const Pkcs10Request& request) {
  return VerifySignature(request.signature_algorithm, request.spki,
                         request.info_der, request.signature);
}

absl::StatusOr<Bytes> SerializePkcs10InfoDer(const Pkcs10Template& wanted) {
  absl::StatusOr<std::vector<CsrAttribute>> attributes =
      EncodeAttributes(wanted);
  if (!attributes.ok()) return attributes.status();
  std::vector<Bytes> encoded;
  for (CsrAttribute& attribute : *attributes) {
    // DER sorts both SETs (X.690 11.6).
    std::sort(attribute.values.begin(), attribute.values.end());
    absl::StatusOr<Bytes> der = SerializeAttribute(attribute);
    if (!der.ok()) return der.status();
    encoded.push_back(*std::move(der));
  }
  std::sort(encoded.begin(), encoded.end());
  der::Writer writer;
  writer.AddSequence([&](der::Writer& info) {
    info.AddUint(kVersion1);
    info.AddElement(wanted.subject.der());
    info.AddElement(wanted.spki);
    info.Add(kAttributesTag, [&](der::Writer& list) {
      for (const Bytes& attribute : encoded) list.AddElement(attribute);
    });
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> AssemblePkcs10Der(ByteView info_der,
                                        SignatureAlgorithm algorithm,
                                        ByteView signature) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddElement(info_der);
    AddSignatureAlgorithm(fields, algorithm);
    fields.AddBitString(signature);
  });
  return writer.Finish();
}

}  // namespace bestow
