#include "common/pki/name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/strings.h"
#include "common/der/writer.h"
#include "common/pki/name_text.h"
#include "common/pki/oids.h"

namespace bestow {
namespace {

constexpr size_t kMaxAttributes = 64;
constexpr size_t kMaxCommonNameCharacters = 64;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("name: ", why));
}

der::Tag StringTagFor(const der::Oid& type) {
  if (type == oids::CountryName() || type == oids::SerialNumber()) {
    return CBS_ASN1_PRINTABLESTRING;
  }
  if (type == oids::DomainComponent()) return CBS_ASN1_IA5STRING;
  return CBS_ASN1_UTF8STRING;
}

}  // namespace

// An empty SEQUENCE.
Name::Name() : der_({0x30, 0x00}) {}

absl::StatusOr<Name> Name::ParseDer(ByteView der) {
  // Name ::= SEQUENCE OF RelativeDistinguishedName
  der::Reader reader(der), rdns;
  if (!reader.ExpectSequence(&rdns) || !reader.Finish()) {
    return Malformed("not one SEQUENCE");
  }
  Name name;
  name.der_ = ToBytes(der);
  while (!rdns.empty()) {
    // RelativeDistinguishedName ::= SET SIZE (1..MAX) OF AttributeTypeAndValue
    der::Reader rdn;
    if (!rdns.ExpectSet(&rdn) || rdn.empty()) return Malformed("a bad RDN");
    bool is_first = true;
    while (!rdn.empty()) {
      // AttributeTypeAndValue ::= SEQUENCE { type OID, value ANY }
      der::Reader fields, value;
      ByteView type;
      der::Tag tag = 0;
      if (!rdn.ExpectSequence(&fields) || !fields.ExpectOid(&type) ||
          !fields.PeekTag(&tag) || !fields.Expect(tag, &value) ||
          !fields.Finish()) {
        return Malformed("a bad attribute");
      }
      std::optional<std::string> text = der::DecodeString(tag, value.rest());
      if (!text.has_value()) {
        return Malformed(
            absl::StrCat("attribute ", der::OidToDotted(type),
                         " is not valid text of a known string type"));
      }
      if (name.attributes_.size() == kMaxAttributes) {
        return Malformed("too many attributes");
      }
      name.attributes_.push_back({.type = der::Oid{ToBytes(type)},
                                  .value_tag = static_cast<uint8_t>(tag),
                                  .value = *std::move(text),
                                  .joins_previous = !is_first});
      is_first = false;
    }
  }
  return name;
}

absl::StatusOr<Name> Name::FromCommonName(std::string_view common_name) {
  if (der::CountCharacters(common_name) > kMaxCommonNameCharacters) {
    return Malformed("a common name has at most 64 characters");
  }
  return FromAttributes({{oids::CommonName(), std::string(common_name)}});
}

absl::StatusOr<Name> Name::FromAttributes(
    const std::vector<std::pair<der::Oid, std::string>>& attributes) {
  for (const auto& [type, value] : attributes) {
    if (value.empty()) return Malformed("an attribute is empty");
    if (type == oids::CountryName() && value.size() != 2) {
      return Malformed("a country has two letters");
    }
    if (!der::DecodeString(StringTagFor(type), AsBytes(value)).has_value()) {
      return Malformed(absl::StrCat("attribute ",
                                    der::OidToDotted(type.content),
                                    " has characters that it can't hold"));
    }
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& rdns) {
    for (const auto& attribute : attributes) {
      const der::Oid& type = attribute.first;
      rdns.AddSet([&](der::Writer& rdn) {
        rdn.AddSequence([&](der::Writer& fields) {
          fields.AddOid(type);
          fields.AddPrimitive(StringTagFor(type), AsBytes(attribute.second));
        });
      });
    }
  });
  absl::StatusOr<Bytes> der = writer.Finish();
  if (!der.ok()) return Malformed("an attribute type is no OID");
  return ParseDer(*der);
}

absl::StatusOr<Name> Name::FromText(std::string_view text) {
  absl::StatusOr<std::vector<std::pair<der::Oid, std::string>>> attributes =
      ParseNameText(text);
  if (!attributes.ok()) return attributes.status();
  return FromAttributes(*attributes);
}

std::string Name::ToText() const {
  std::string out;
  for (const Attribute& attribute : attributes_) {
    if (!out.empty()) out.push_back(attribute.joins_previous ? '+' : ',');
    absl::StrAppend(&out, AttributeTypeText(attribute.type), "=",
                    EscapeNameText(attribute.value));
  }
  return out;
}

std::string Name::common_name() const {
  for (auto it = attributes_.rbegin(); it != attributes_.rend(); ++it) {
    if (it->type == oids::CommonName()) return it->value;
  }
  return "";
}

}  // namespace bestow
