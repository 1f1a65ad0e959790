#include <utility>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/est/csr_template.h"
#include "common/pki/name_text.h"
#include "common/pki/oids.h"

namespace bestow::est {
namespace {

constexpr size_t kBitsPerByte = 8;
constexpr size_t kMaxRsaBits = 16384;
constexpr size_t kMaxNames = 64;
constexpr uint64_t kRsaExponent = 65537;

// RFC 9908 3.4: "a placeholder public key value of the desired RSA modulus
// length": 2^(bits-1) + 1 and 65537.
Bytes RsaPlaceholder(size_t bits) {
  Bytes modulus(1 + bits / kBitsPerByte);  // a zero first: it is positive
  modulus[1] = 0x80;
  modulus.back() = 0x01;
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddInteger(modulus);
    fields.AddUint(kRsaExponent);
  });
  return *writer.Finish();
}

Bytes Encoded(const der::Oid& oid) {
  der::Writer writer;
  writer.AddOid(oid);
  return *writer.Finish();
}

constexpr der::Tag kDirectoryNameTag =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED |
    static_cast<der::Tag>(GeneralName::Kind::kDirectoryName);

// "such as a 'directoryName' choice containing the NULL-DN (i.e., an empty
// sequence of RDNs) or the 'iPAddress' choice with an empty OCTET STRING"
bool IsToBeFilledIn(der::Tag tag, ByteView content) {
  return (tag & CBS_ASN1_CLASS_MASK) == CBS_ASN1_CONTEXT_SPECIFIC &&
         (content.empty() ||
          (tag == kDirectoryNameTag && content == ByteView(Name().der())));
}

}  // namespace

absl::StatusOr<SubjectTemplate> SubjectTemplateFromText(std::string_view text) {
  auto pairs = ParseNameText(text);
  if (!pairs.ok()) return pairs.status();
  SubjectTemplate subject;
  for (auto& [type, value] : *pairs) {
    SubjectTemplate::Attribute attribute{.type = type, .text = value};
    if (!value.empty()) {
      absl::StatusOr<Name> name = Name::FromAttributes({{type, value}});
      if (!name.ok()) return name.status();
      der::Writer element;
      element.AddPrimitive(name->attributes().front().value_tag,
                           AsBytes(value));
      absl::StatusOr<Bytes> der = element.Finish();
      if (!der.ok()) return der.status();
      attribute.value = *std::move(der);
    }
    subject.attributes.push_back(std::move(attribute));
  }
  return subject;
}

std::optional<der::Oid> KeyTemplate::curve() const {
  der::Reader reader(parameters);
  ByteView oid;
  if (algorithm != oids::EcPublicKey() || !reader.ExpectOid(&oid) ||
      !reader.Finish()) {
    return std::nullopt;
  }
  return der::Oid{ToBytes(oid)};
}

// RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
std::optional<size_t> KeyTemplate::rsa_bits() const {
  if (algorithm != oids::RsaEncryption() || !public_key.has_value()) {
    return std::nullopt;
  }
  der::Reader reader(*public_key), fields;
  ByteView modulus, exponent;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !fields.ExpectInteger(&modulus) || !fields.ExpectInteger(&exponent) ||
      !fields.Finish() || (modulus[0] & 0x80) != 0) {
    return std::nullopt;
  }
  if (modulus[0] == 0) modulus.remove_prefix(1);
  if (modulus.empty()) return std::nullopt;
  size_t bits = modulus.size() * kBitsPerByte;
  for (uint8_t first = modulus[0]; (first & 0x80) == 0; first <<= 1) --bits;
  if (bits > kMaxRsaBits) return std::nullopt;
  return bits;
}

KeyTemplate KeyTemplateFor(KeyType type) {
  const Bytes null = {0x05, 0x00};
  switch (type) {
    case KeyType::kEcP256:
      return {oids::EcPublicKey(), Encoded(oids::Prime256v1()), std::nullopt};
    case KeyType::kEcP384:
      return {oids::EcPublicKey(), Encoded(oids::Secp384r1()), std::nullopt};
    case KeyType::kRsa2048:
      return {oids::RsaEncryption(), null, RsaPlaceholder(2048)};
    case KeyType::kRsa3072:
      return {oids::RsaEncryption(), null, RsaPlaceholder(3072)};
    case KeyType::kEd25519:
      return {oids::Ed25519(), {}, std::nullopt};
  }
  return {};
}

absl::StatusOr<std::vector<GeneralNameTemplate>> ParseGeneralNameTemplatesDer(
    ByteView der) {
  const auto malformed = [](std::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("general names: ", why));
  };
  der::Reader reader(der), list;
  if (!reader.ExpectSequence(&list) || !reader.Finish() || list.empty()) {
    return malformed("not a SEQUENCE of them");
  }
  std::vector<GeneralNameTemplate> names;
  while (!list.empty()) {
    ByteView element;
    der::Tag tag = 0;
    der::Reader content;
    if (!list.ExpectAny(&element, &tag) ||
        !der::Reader(element).Expect(tag, &content)) {
      return malformed("malformed");
    }
    const uint32_t number = tag & CBS_ASN1_TAG_NUMBER_MASK;
    if (number > static_cast<uint32_t>(GeneralName::Kind::kRegisteredId)) {
      return malformed("an unknown kind");
    }
    if (names.size() == kMaxNames) return malformed("too many");
    names.push_back({static_cast<GeneralName::Kind>(number), std::nullopt});
    if (IsToBeFilledIn(tag, content.rest())) continue;
    der::Writer one;
    one.AddSequence([&](der::Writer& writer) { writer.AddElement(element); });
    absl::StatusOr<Bytes> alone = one.Finish();
    if (!alone.ok()) return alone.status();
    absl::StatusOr<std::vector<GeneralName>> name =
        ParseGeneralNamesDer(*alone);
    if (!name.ok()) return name.status();
    names.back().name = std::move(name->front());
  }
  return names;
}

}  // namespace bestow::est
