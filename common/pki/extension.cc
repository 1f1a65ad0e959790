#include "common/pki/extension.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow {
namespace {

constexpr size_t kMaxExtensions = 64;
constexpr size_t kMaxPurposes = 64;
constexpr der::Tag kKeyIdTag = CBS_ASN1_CONTEXT_SPECIFIC | 0;
constexpr der::Tag kIssuerTag =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 1;
constexpr der::Tag kIssuerSerialTag = CBS_ASN1_CONTEXT_SPECIFIC | 2;

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, " is malformed"));
}

}  // namespace

absl::StatusOr<std::vector<Extension>> ParseExtensionsDer(
    ByteView der, WrittenDefault written) {
  der::Reader reader(der), list;
  if (!reader.ExpectSequence(&list) || !reader.Finish() || list.empty()) {
    return Malformed("the list of extensions");
  }
  std::vector<Extension> out;
  while (!list.empty()) {
    // Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER,
    //   critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
    der::Reader fields;
    ByteView id, value;
    Extension extension;
    if (!list.ExpectSequence(&fields) || !fields.ExpectOid(&id)) {
      return Malformed("an extension");
    }
    const std::string name = der::OidToDotted(id);
    if (fields.NextIs(CBS_ASN1_BOOLEAN) &&
        // DER leaves a default out, so a FALSE here is malformed.
        (!fields.ExpectBoolean(&extension.critical) ||
         (!extension.critical && written == WrittenDefault::kRefused))) {
      return Malformed(absl::StrCat("extension ", name));
    }
    if (!fields.ExpectOctetString(&value) || !fields.Finish()) {
      return Malformed(absl::StrCat("extension ", name));
    }
    extension.id.content = ToBytes(id);
    extension.value = ToBytes(value);
    // RFC 5280 4.2: "A certificate MUST NOT include more than one instance of
    // a particular extension."
    for (const Extension& other : out) {
      if (other.id == extension.id) {
        return absl::InvalidArgumentError(
            absl::StrCat("extension ", name, " stands there twice"));
      }
    }
    if (out.size() == kMaxExtensions) {
      return absl::InvalidArgumentError("too many extensions");
    }
    out.push_back(std::move(extension));
  }
  return out;
}

absl::StatusOr<Bytes> SerializeExtensionsDer(
    const std::vector<Extension>& extensions) {
  if (extensions.empty()) {
    return absl::InvalidArgumentError("a list of extensions can't be empty");
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& list) {
    for (const Extension& extension : extensions) {
      list.AddSequence([&](der::Writer& fields) {
        fields.AddOid(extension.id);
        if (extension.critical) fields.AddBoolean(true);
        fields.AddOctetString(extension.value);
      });
    }
  });
  return writer.Finish();
}

// KeyUsage ::= BIT STRING. RFC 5280 4.2.1.3: "When the keyUsage extension
// appears in a certificate, at least one of the bits MUST be set to 1."
absl::StatusOr<uint32_t> ParseKeyUsage(ByteView value) {
  der::Reader reader(value);
  uint32_t bits = 0;
  if (!reader.ExpectNamedBits(&bits) || !reader.Finish() || bits == 0) {
    return Malformed("keyUsage");
  }
  return bits;
}

absl::StatusOr<Bytes> SerializeKeyUsage(uint32_t bits) {
  if (bits == 0) return absl::InvalidArgumentError("keyUsage without a bit");
  der::Writer writer;
  writer.AddNamedBits(bits);
  return writer.Finish();
}

// ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF KeyPurposeId
absl::StatusOr<std::vector<der::Oid>> ParseExtendedKeyUsage(ByteView value) {
  der::Reader reader(value), list;
  if (!reader.ExpectSequence(&list) || !reader.Finish() || list.empty()) {
    return Malformed("extKeyUsage");
  }
  std::vector<der::Oid> purposes;
  while (!list.empty()) {
    ByteView purpose;
    if (!list.ExpectOid(&purpose) || purposes.size() == kMaxPurposes) {
      return Malformed("extKeyUsage");
    }
    purposes.push_back(der::Oid{ToBytes(purpose)});
  }
  return purposes;
}

absl::StatusOr<Bytes> SerializeExtendedKeyUsage(
    const std::vector<der::Oid>& purposes) {
  if (purposes.empty()) {
    return absl::InvalidArgumentError("extKeyUsage without a purpose");
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& list) {
    for (const der::Oid& purpose : purposes) list.AddOid(purpose);
  });
  return writer.Finish();
}

// BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE,
//   pathLenConstraint INTEGER (0..MAX) OPTIONAL }
// RFC 5280 4.2.1.9: no pathLenConstraint without cA.
absl::StatusOr<BasicConstraints> ParseBasicConstraints(ByteView value) {
  der::Reader reader(value), fields;
  BasicConstraints out;
  if (!reader.ExpectSequence(&fields) || !reader.Finish()) {
    return Malformed("basicConstraints");
  }
  if (fields.NextIs(CBS_ASN1_BOOLEAN) &&
      (!fields.ExpectBoolean(&out.is_ca) || !out.is_ca)) {
    return Malformed("basicConstraints");
  }
  if (!fields.empty()) {
    uint64_t path_length = 0;
    if (!out.is_ca || !fields.ExpectUint(&path_length) || !fields.Finish()) {
      return Malformed("basicConstraints");
    }
    out.path_length = path_length;
  }
  return out;
}

absl::StatusOr<Bytes> SerializeBasicConstraints(const BasicConstraints& value) {
  if (!value.is_ca && value.path_length.has_value()) {
    return absl::InvalidArgumentError("a path length is for CAs alone");
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    if (value.is_ca) fields.AddBoolean(true);
    if (value.path_length.has_value()) fields.AddUint(*value.path_length);
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> ParseSubjectKeyIdentifier(ByteView value) {
  der::Reader reader(value);
  ByteView key_id;
  if (!reader.ExpectOctetString(&key_id) || !reader.Finish()) {
    return Malformed("subjectKeyIdentifier");
  }
  return ToBytes(key_id);
}

absl::StatusOr<Bytes> SerializeSubjectKeyIdentifier(ByteView key_id) {
  der::Writer writer;
  writer.AddOctetString(key_id);
  return writer.Finish();
}

// AuthorityKeyIdentifier ::= SEQUENCE {
//   keyIdentifier [0] IMPLICIT OCTET STRING OPTIONAL,
//   authorityCertIssuer [1] IMPLICIT GeneralNames OPTIONAL,
//   authorityCertSerialNumber [2] IMPLICIT INTEGER OPTIONAL }
absl::StatusOr<Bytes> ParseAuthorityKeyIdentifier(ByteView value) {
  der::Reader reader(value), fields, key_id, unused;
  bool has_key_id = false, has_issuer = false, has_serial = false;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !fields.Match(kKeyIdTag, &key_id, &has_key_id) ||
      !fields.Match(kIssuerTag, &unused, &has_issuer) ||
      !fields.Match(kIssuerSerialTag, &unused, &has_serial) ||
      !fields.Finish() || has_issuer != has_serial) {
    return Malformed("authorityKeyIdentifier");
  }
  return has_key_id ? ToBytes(key_id.rest()) : Bytes();
}

absl::StatusOr<Bytes> SerializeAuthorityKeyIdentifier(ByteView key_id) {
  der::Writer writer;
  writer.AddSequence(
      [&](der::Writer& fields) { fields.AddPrimitive(kKeyIdTag, key_id); });
  return writer.Finish();
}

}  // namespace bestow
