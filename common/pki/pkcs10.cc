#include "common/pki/pkcs10.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/der/reader.h"
#include "common/der/strings.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/oids.h"

namespace bestow {
namespace {

constexpr size_t kMaxAttributes = 32;
constexpr size_t kMaxPasswordBytes = 255;  // RFC 2985 5.4.1
constexpr uint64_t kVersion1 = 0;
constexpr der::Tag kAttributesTag =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("PKCS#10: ", why));
}

absl::Status DecodeExtensionRequest(const CsrAttribute& attribute,
                                    Pkcs10Request* request) {
  if (attribute.values.size() != 1) {
    return Malformed("extensionRequest has more than one value");
  }
  absl::StatusOr<std::vector<Extension>> extensions =
      ParseExtensionsDer(attribute.values[0]);
  if (!extensions.ok()) return Malformed(extensions.status().message());
  request->requested_extensions = *std::move(extensions);
  for (const Extension& extension : request->requested_extensions) {
    if (extension.id != oids::SubjectAltName()) continue;
    absl::StatusOr<std::vector<GeneralName>> sans =
        ParseGeneralNamesDer(extension.value);
    if (!sans.ok()) return Malformed(sans.status().message());
    request->requested_sans = *std::move(sans);
  }
  return absl::OkStatus();
}

absl::Status DecodeChallengePassword(const CsrAttribute& attribute,
                                     Pkcs10Request* request) {
  der::Reader reader(attribute.values[0]), content;
  der::Tag tag = 0;
  if (attribute.values.size() != 1 || !reader.PeekTag(&tag) ||
      !reader.Expect(tag, &content) ||
      content.rest().size() > kMaxPasswordBytes) {
    return Malformed("challengePassword is not one string of up to 255 octets");
  }
  request->challenge_password = der::DecodeString(tag, content.rest());
  if (!request->challenge_password.has_value()) {
    return Malformed("challengePassword is not valid text");
  }
  return absl::OkStatus();
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
    absl::Status status;
    if (attribute.type == oids::ExtensionRequest()) {
      status = DecodeExtensionRequest(attribute, request);
    } else if (attribute.type == oids::ChallengePassword()) {
      status = DecodeChallengePassword(attribute, request);
    }
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
  std::vector<Extension> extensions = wanted.extensions;
  if (!wanted.sans.empty()) {
    absl::StatusOr<Bytes> sans = SerializeGeneralNamesDer(wanted.sans);
    if (!sans.ok()) return sans.status();
    // RFC 5280 4.2.1.6: critical when there is no subject.
    extensions.push_back({.id = oids::SubjectAltName(),
                          .critical = wanted.subject.empty(),
                          .value = *std::move(sans)});
  }
  std::vector<CsrAttribute> attributes = wanted.attributes;
  if (wanted.challenge_password.has_value()) {
    // RFC 2985 5.4.1: PrintableString where the text allows.
    const std::string& password = *wanted.challenge_password;
    if (password.size() > kMaxPasswordBytes) {
      return absl::InvalidArgumentError(
          "a challengePassword has at most 255 octets");
    }
    der::Writer value;
    if (der::IsPrintableString(password)) {
      value.AddPrintableString(password);
    } else {
      value.AddUtf8String(password);
    }
    absl::StatusOr<Bytes> der = value.Finish();
    if (!der.ok()) {
      return absl::InvalidArgumentError("the challengePassword is not UTF-8");
    }
    attributes.push_back({oids::ChallengePassword(), {*std::move(der)}});
  }
  if (!extensions.empty()) {
    absl::StatusOr<Bytes> value = SerializeExtensionsDer(extensions);
    if (!value.ok()) return value.status();
    attributes.push_back({oids::ExtensionRequest(), {*std::move(value)}});
  }
  std::vector<Bytes> encoded;
  for (CsrAttribute& attribute : attributes) {
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
