// The certificationRequestInfoTemplate of CsrAttrs: a request that is filled in
// in part (RFC 9908 3.4).
#ifndef COMMON_EST_CSR_TEMPLATE_H_
#define COMMON_EST_CSR_TEMPLATE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/key_type.h"
#include "common/der/oid.h"
#include "common/est/csr_attrs.h"
#include "common/pki/attribute.h"
#include "common/pki/extension.h"
#include "common/pki/name.h"

namespace bestow::est {

// The subject's attributes, in order: the client is to have each, with the
// value that is given, or with one of its own.
struct SubjectTemplate {
  struct Attribute {
    der::Oid type;
    std::optional<Bytes> value;   // a whole element; nullopt: to be filled in
    std::string text;             // of `value`, UTF-8
    bool joins_previous = false;  // in one RDN with the attribute before it
    bool operator==(const Attribute&) const = default;
  };
  std::vector<Attribute> attributes;  // at most 64
  bool operator==(const SubjectTemplate&) const = default;
};
// Name::FromText's form, where an empty value is one to be filled in:
// "CN=,O=Acme".
absl::StatusOr<SubjectTemplate> SubjectTemplateFromText(std::string_view text);

struct KeyTemplate {
  der::Oid algorithm;
  Bytes parameters;  // a whole element; empty: none
  // The content of subjectPublicKey: a placeholder that says an RSA key's size.
  std::optional<Bytes> public_key;
  bool operator==(const KeyTemplate&) const = default;

  // The curve that an EC key's parameters name.
  std::optional<der::Oid> curve() const;
  // The bits of an RSA placeholder's modulus.
  std::optional<size_t> rsa_bits() const;
};
KeyTemplate KeyTemplateFor(KeyType type);

// Like Extension, with a value or without: then the client fills it in.
struct ExtensionTemplate {
  der::Oid id;
  bool critical = false;
  std::optional<Bytes> value;
  bool operator==(const ExtensionTemplate&) const = default;
};

struct CsrTemplate {
  std::optional<SubjectTemplate> subject;  // nullopt: no demands
  std::optional<KeyTemplate> key;          // nullopt: no demands
  // As found; values may be none. SetExtensions() adds one.
  std::vector<CsrAttribute> attributes;  // at most 32, no type twice
  bool attributes_omitted = false;       // the [1] was missing

  // From the attributes: id-ExtensionReq or id-aa-extensionReqTemplate.
  std::vector<ExtensionTemplate> extensions;
};

// One DER CertificationRequestInfoTemplate. kInvalidArgument: not DER, trailing
// bytes, a version other than 0, a value that is no text of a known string
// type, an RSA placeholder that is none; an attribute type or an extension
// twice, both kinds of extension requests, or one with other than one value
// (RFC 9908 3.4). The missing [1] is read as empty. NOT checked: what the
// extensions' values are.
absl::StatusOr<CsrTemplate> ParseCsrTemplateDer(ByteView der);
// From subject, key, attributes and attributes_omitted alone; equal to whatever
// ParseCsrTemplateDer took.
absl::StatusOr<Bytes> SerializeCsrTemplateDer(const CsrTemplate& wanted);

// Puts the extensions into `wanted` and its attributes: id-ExtensionReq when
// each has its value, as RFC 9908 3.4 demands, else the template's own type.
// kInvalidArgument: none, or one there already.
absl::Status SetExtensions(std::vector<ExtensionTemplate> extensions,
                           CsrTemplate* wanted);
// True when an attribute of that type stands there (as challengePassword).
bool ContainsAttribute(const CsrTemplate& wanted, const der::Oid& type);

// The template among CSR attributes; nullopt without one. kInvalidArgument: two
// of them, other than one value, or one that does not parse. "Clients which
// understand both MUST use the template only, and ignore all other CSRattrs
// elements" (RFC 9908 4).
absl::StatusOr<std::optional<CsrTemplate>> FindTemplate(const CsrAttrs& attrs);
// The item of CsrAttrs that holds it.
absl::StatusOr<CsrAttribute> TemplateAttribute(const CsrTemplate& wanted);

// One name of a subjectAltName that is filled in in part: an empty value, or an
// empty directoryName, is the client's to fill in (RFC 9908 3.4).
struct GeneralNameTemplate {
  GeneralName::Kind kind = GeneralName::Kind::kDns;
  std::optional<GeneralName> name;
  bool operator==(const GeneralNameTemplate&) const = default;
};
// An ExtensionTemplate's value. kInvalidArgument: no GeneralNames but for the
// above.
absl::StatusOr<std::vector<GeneralNameTemplate>> ParseGeneralNameTemplatesDer(
    ByteView der);

}  // namespace bestow::est

#endif  // COMMON_EST_CSR_TEMPLATE_H_
