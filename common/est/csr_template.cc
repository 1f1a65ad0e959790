#include "common/est/csr_template.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/strings.h"
#include "common/der/writer.h"
#include "common/pki/oids.h"

namespace bestow::est {
namespace {

constexpr uint64_t kVersion1 = 0;
constexpr size_t kMaxSubjectAttributes = 64;
constexpr size_t kMaxAttributes = 32;
constexpr size_t kMaxExtensions = 64;
constexpr der::Tag kKeyTag =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr der::Tag kAttributesTag =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 1;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("CSR template: ", why));
}

// SingleAttributeTemplate ::= SEQUENCE { type OID, value ANY OPTIONAL }
absl::Status ReadSubjectAttribute(der::Reader* rdn,
                                  SubjectTemplate::Attribute* attribute) {
  der::Reader fields;
  ByteView type;
  if (!rdn->ExpectSequence(&fields) || !fields.ExpectOid(&type)) {
    return Malformed("an attribute of the subject is malformed");
  }
  attribute->type.content = ToBytes(type);
  if (fields.empty()) return absl::OkStatus();
  ByteView element;
  der::Tag tag = 0;
  der::Reader value;
  std::optional<std::string> text;
  if (fields.ExpectAny(&element, &tag) && fields.Finish() &&
      der::Reader(element).Expect(tag, &value)) {
    text = der::DecodeString(tag, value.rest());
  }
  if (!text.has_value()) {
    return Malformed(absl::StrCat("the subject's ", der::OidToDotted(type),
                                  " is not valid text of a known string type"));
  }
  attribute->value = ToBytes(element);
  attribute->text = *std::move(text);
  return absl::OkStatus();
}

// RDNSequenceTemplate ::= SEQUENCE OF RelativeDistinguishedNameTemplate
// RelativeDistinguishedNameTemplate ::= SET SIZE (1..MAX) OF
//   SingleAttributeTemplate
absl::StatusOr<SubjectTemplate> ReadSubject(der::Reader rdns) {
  SubjectTemplate subject;
  while (!rdns.empty()) {
    der::Reader rdn;
    if (!rdns.ExpectSet(&rdn) || rdn.empty()) {
      return Malformed("an RDN of the subject is malformed");
    }
    for (bool is_first = true; !rdn.empty(); is_first = false) {
      if (subject.attributes.size() == kMaxSubjectAttributes) {
        return Malformed("the subject has too many attributes");
      }
      SubjectTemplate::Attribute attribute;
      attribute.joins_previous = !is_first;
      const absl::Status status = ReadSubjectAttribute(&rdn, &attribute);
      if (!status.ok()) return status;
      subject.attributes.push_back(std::move(attribute));
    }
  }
  return subject;
}

// SubjectPublicKeyInfoTemplate ::= SEQUENCE { algorithm AlgorithmIdentifier,
//   subjectPublicKey BIT STRING OPTIONAL }
absl::StatusOr<KeyTemplate> ReadKey(der::Reader fields) {
  KeyTemplate key;
  der::Reader algorithm;
  ByteView oid, parameters, public_key;
  if (!fields.ExpectSequence(&algorithm) || !algorithm.ExpectOid(&oid) ||
      (!algorithm.empty() && !algorithm.ExpectAny(&parameters)) ||
      !algorithm.Finish()) {
    return Malformed("the key's algorithm is malformed");
  }
  key.algorithm.content = ToBytes(oid);
  key.parameters = ToBytes(parameters);
  if (fields.empty()) return key;
  if (!fields.ExpectBitString(&public_key) || !fields.Finish()) {
    return Malformed("the key is malformed");
  }
  key.public_key = ToBytes(public_key);
  if (key.algorithm == oids::RsaEncryption() && !key.rsa_bits().has_value()) {
    return Malformed("the key's placeholder is no RSA key");
  }
  return key;
}

// ExtensionTemplate ::= SEQUENCE { extnID OBJECT IDENTIFIER,
//   critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING OPTIONAL }
absl::StatusOr<std::vector<ExtensionTemplate>> ReadExtensions(ByteView der) {
  der::Reader reader(der), list;
  if (!reader.ExpectSequence(&list) || !reader.Finish() || list.empty()) {
    return Malformed("the list of extensions is malformed");
  }
  std::vector<ExtensionTemplate> out;
  while (!list.empty()) {
    der::Reader fields;
    ByteView id, value;
    ExtensionTemplate extension;
    if (!list.ExpectSequence(&fields) || !fields.ExpectOid(&id) ||
        (fields.NextIs(CBS_ASN1_BOOLEAN) &&
         // DER leaves a default out.
         (!fields.ExpectBoolean(&extension.critical) || !extension.critical))) {
      return Malformed("an extension is malformed");
    }
    extension.id.content = ToBytes(id);
    if (!fields.empty()) {
      if (!fields.ExpectOctetString(&value) || !fields.Finish()) {
        return Malformed("an extension is malformed");
      }
      extension.value = ToBytes(value);
    }
    // RFC 9908 3.2: "MUST NOT include more than one element with a particular
    // extnID".
    for (const ExtensionTemplate& other : out) {
      if (other.id == extension.id) {
        return Malformed(absl::StrCat("extension ", der::OidToDotted(id),
                                      " stands there twice"));
      }
    }
    if (out.size() == kMaxExtensions) return Malformed("too many extensions");
    out.push_back(std::move(extension));
  }
  return out;
}

bool IsExtensions(const der::Oid& type) {
  return type == oids::ExtensionRequest() ||
         type == oids::ExtensionRequestTemplate();
}

// RFC 9908 3.4: "The 'values' field of an id-aa-extensionReqTemplate attribute
// MUST contain a set with exactly one element"; 3.2 says so of id-ExtensionReq.
absl::Status DecodeExtensions(const CsrAttribute& attribute,
                              CsrTemplate* wanted) {
  if (attribute.values.size() != 1) {
    return Malformed("the extensions' attribute has other than one value");
  }
  absl::StatusOr<std::vector<ExtensionTemplate>> extensions =
      ReadExtensions(attribute.values[0]);
  if (!extensions.ok()) return extensions.status();
  wanted->extensions = *std::move(extensions);
  const bool has_every_value =
      std::all_of(wanted->extensions.begin(), wanted->extensions.end(),
                  [](const ExtensionTemplate& extension) {
                    return extension.value.has_value();
                  });
  if (attribute.type == oids::ExtensionRequest() && !has_every_value) {
    return Malformed("an extension of id-ExtensionReq has no value");
  }
  return absl::OkStatus();
}

absl::Status ReadAttributes(der::Reader list, CsrTemplate* wanted) {
  while (!list.empty()) {
    CsrAttribute attribute;
    if (!ExpectAttribute(&list, &attribute, /*may_have_no_values=*/true)) {
      return Malformed("an attribute is malformed");
    }
    for (const CsrAttribute& other : wanted->attributes) {
      // RFC 9908 3.4: "MUST NOT contain both id-ExtensionReq and
      // id-aa-extensionReqTemplate attributes".
      if (other.type == attribute.type ||
          (IsExtensions(other.type) && IsExtensions(attribute.type))) {
        return Malformed(absl::StrCat("attribute ",
                                      der::OidToDotted(attribute.type.content),
                                      " stands there twice"));
      }
    }
    if (wanted->attributes.size() == kMaxAttributes) {
      return Malformed("too many attributes");
    }
    if (IsExtensions(attribute.type)) {
      const absl::Status status = DecodeExtensions(attribute, wanted);
      if (!status.ok()) return status;
    }
    wanted->attributes.push_back(std::move(attribute));
  }
  return absl::OkStatus();
}

void AddSubject(der::Writer& writer, const SubjectTemplate& subject) {
  const auto& attributes = subject.attributes;
  writer.AddSequence([&](der::Writer& rdns) {
    for (size_t i = 0; i < attributes.size();) {
      rdns.AddSet([&](der::Writer& rdn) {
        do {
          rdn.AddSequence([&](der::Writer& fields) {
            fields.AddOid(attributes[i].type);
            if (attributes[i].value.has_value()) {
              fields.AddElement(*attributes[i].value);
            }
          });
          ++i;
        } while (i < attributes.size() && attributes[i].joins_previous);
      });
    }
  });
}

void AddKey(der::Writer& writer, const KeyTemplate& key) {
  writer.Add(kKeyTag, [&](der::Writer& fields) {
    fields.AddSequence([&](der::Writer& algorithm) {
      algorithm.AddOid(key.algorithm);
      algorithm.AddElement(key.parameters);
    });
    if (key.public_key.has_value()) fields.AddBitString(*key.public_key);
  });
}

}  // namespace

// CertificationRequestInfoTemplate ::= SEQUENCE { version INTEGER { v1(0) },
//   subject NameTemplate OPTIONAL,
//   subjectPKInfo [0] SubjectPublicKeyInfoTemplate OPTIONAL,
//   attributes [1] Attributes }
absl::StatusOr<CsrTemplate> ParseCsrTemplateDer(ByteView der) {
  der::Reader reader(der), fields, subject, key, attributes;
  uint64_t version = 0;
  bool has_subject = false, has_key = false, has_attributes = false;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !fields.ExpectUint(&version)) {
    return Malformed("not one DER SEQUENCE with a version");
  }
  if (version != kVersion1) return Malformed("the version is not v1");
  if (!fields.Match(CBS_ASN1_SEQUENCE, &subject, &has_subject) ||
      !fields.Match(kKeyTag, &key, &has_key) ||
      !fields.Match(kAttributesTag, &attributes, &has_attributes) ||
      !fields.Finish()) {
    return Malformed("its fields are malformed");
  }
  CsrTemplate wanted;
  if (has_subject) {
    absl::StatusOr<SubjectTemplate> read = ReadSubject(subject);
    if (!read.ok()) return read.status();
    wanted.subject = *std::move(read);
  }
  if (has_key) {
    absl::StatusOr<KeyTemplate> read = ReadKey(key);
    if (!read.ok()) return read.status();
    wanted.key = *std::move(read);
  }
  wanted.attributes_omitted = !has_attributes;
  const absl::Status status = ReadAttributes(attributes, &wanted);
  if (!status.ok()) return status;
  return wanted;
}

absl::StatusOr<Bytes> SerializeCsrTemplateDer(const CsrTemplate& wanted) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddUint(kVersion1);
    if (wanted.subject.has_value()) AddSubject(fields, *wanted.subject);
    if (wanted.key.has_value()) AddKey(fields, *wanted.key);
    if (wanted.attributes_omitted) return;
    fields.Add(kAttributesTag, [&](der::Writer& list) {
      for (const CsrAttribute& attribute : wanted.attributes) {
        AddAttribute(list, attribute);
      }
    });
  });
  return writer.Finish();
}

absl::Status SetExtensions(std::vector<ExtensionTemplate> extensions,
                           CsrTemplate* wanted) {
  der::Writer writer;
  bool has_every_value = true;
  writer.AddSequence([&](der::Writer& list) {
    for (const ExtensionTemplate& extension : extensions) {
      has_every_value = has_every_value && extension.value.has_value();
      list.AddSequence([&](der::Writer& fields) {
        fields.AddOid(extension.id);
        if (extension.critical) fields.AddBoolean(true);
        if (extension.value.has_value()) {
          fields.AddOctetString(*extension.value);
        }
      });
    }
  });
  absl::StatusOr<Bytes> value = writer.Finish();
  if (!value.ok()) return Malformed("an extension has no OID");
  CsrTemplate changed = *wanted;
  changed.attributes.push_back({has_every_value
                                    ? oids::ExtensionRequest()
                                    : oids::ExtensionRequestTemplate(),
                                {*std::move(value)}});
  changed.attributes_omitted = false;
  absl::StatusOr<Bytes> der = SerializeCsrTemplateDer(changed);
  if (!der.ok()) return der.status();
  absl::StatusOr<CsrTemplate> read = ParseCsrTemplateDer(*der);
  if (!read.ok()) return read.status();
  *wanted = *std::move(read);
  return absl::OkStatus();
}

bool ContainsAttribute(const CsrTemplate& wanted, const der::Oid& type) {
  return std::any_of(
      wanted.attributes.begin(), wanted.attributes.end(),
      [&](const CsrAttribute& attribute) { return attribute.type == type; });
}

absl::StatusOr<std::optional<CsrTemplate>> FindTemplate(const CsrAttrs& attrs) {
  std::optional<CsrTemplate> found;
  for (const AttrOrOid& item : attrs.items) {
    const auto* attribute = std::get_if<CsrAttribute>(&item);
    if (attribute == nullptr || attribute->type != oids::CsrInfoTemplate()) {
      continue;
    }
    if (found.has_value() || attribute->values.size() != 1) {
      return Malformed("there has to be one");
    }
    absl::StatusOr<CsrTemplate> wanted =
        ParseCsrTemplateDer(attribute->values[0]);
    if (!wanted.ok()) return wanted.status();
    found = *std::move(wanted);
  }
  return found;
}

absl::StatusOr<CsrAttribute> TemplateAttribute(const CsrTemplate& wanted) {
  absl::StatusOr<Bytes> der = SerializeCsrTemplateDer(wanted);
  if (!der.ok()) return der.status();
  return CsrAttribute{oids::CsrInfoTemplate(), {*std::move(der)}};
}

}  // namespace bestow::est
