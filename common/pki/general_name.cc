#include <arpa/inet.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/der/reader.h"
#include "common/der/strings.h"
#include "common/der/writer.h"
#include "common/pki/name.h"
#include "common/pki/name_text.h"

namespace bestow {
namespace {

using Kind = GeneralName::Kind;

constexpr size_t kMaxNames = 64;
constexpr size_t kMaxHostBytes = 253;
constexpr size_t kMaxLabelBytes = 63;
constexpr size_t kIpv4Bytes = 4;
constexpr size_t kIpv6Bytes = 16;

// GeneralName ::= CHOICE with IMPLICIT tags, but for the CHOICE within
// directoryName, whose tag is EXPLICIT.
bool IsConstructed(Kind kind) {
  return kind == Kind::kOtherName || kind == Kind::kX400 ||
         kind == Kind::kDirectoryName || kind == Kind::kEdiParty;
}

der::Tag TagOf(Kind kind) {
  return CBS_ASN1_CONTEXT_SPECIFIC |
         (IsConstructed(kind) ? CBS_ASN1_CONSTRUCTED : 0u) |
         static_cast<der::Tag>(kind);
}

// RFC 5280 4.2.1.6: IA5String. A control character (NUL above all) has no
// place in a name and has made verifiers read less than there is.
bool IsPlainText(ByteView value) {
  return !value.empty() &&
         std::all_of(value.begin(), value.end(),
                     [](uint8_t c) { return c >= 0x20 && c < 0x7F; });
}

bool IsValid(Kind kind, ByteView value) {
  switch (kind) {
    case Kind::kEmail:
    case Kind::kDns:
    case Kind::kUri:
      return IsPlainText(value);
    case Kind::kIpAddress:
      return value.size() == kIpv4Bytes || value.size() == kIpv6Bytes;
    case Kind::kDirectoryName:
      return Name::ParseDer(value).ok();
    case Kind::kRegisteredId: {
      CBS cbs;
      CBS_init(&cbs, value.data(), value.size());
      return CBS_is_valid_asn1_oid(&cbs);
    }
    case Kind::kOtherName: {
      // OtherName ::= SEQUENCE { type-id OID, value [0] EXPLICIT ANY }
      der::Reader fields(value), inner;
      ByteView type, element;
      return fields.ExpectOid(&type) &&
             fields.Expect(CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0,
                           &inner) &&
             fields.Finish() && inner.ExpectAny(&element) && inner.Finish();
    }
    case Kind::kX400:
    case Kind::kEdiParty: {
      der::Reader fields(value);
      ByteView element;
      while (!fields.empty()) {
        if (!fields.ExpectAny(&element)) return false;
      }
      return !value.empty();
    }
  }
  return false;
}

absl::Status Bad(std::string_view what, std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", absl::CHexEscape(text), "' is not ", what));
}

}  // namespace

absl::StatusOr<GeneralName> GeneralName::Dns(std::string_view host) {
  bool is_valid = !host.empty() && host.size() <= kMaxHostBytes;
  for (const std::string_view label : absl::StrSplit(host, '.')) {
    is_valid = is_valid && !label.empty() && label.size() <= kMaxLabelBytes &&
               label.front() != '-' && label.back() != '-' &&
               std::all_of(label.begin(), label.end(), [](char c) {
                 return absl::ascii_isalnum(c) || c == '-' || c == '_';
               });
  }
  if (!is_valid) return Bad("a host name", host);
  return GeneralName{Kind::kDns, ToBytes(AsBytes(host))};
}

absl::StatusOr<GeneralName> GeneralName::Ip(std::string_view address) {
  const std::string text(address);
  uint8_t octets[kIpv6Bytes];
  if (text.find('\0') == std::string::npos) {
    if (inet_pton(AF_INET, text.c_str(), octets) == 1) {
      return GeneralName{Kind::kIpAddress, Bytes(octets, octets + kIpv4Bytes)};
    }
    if (inet_pton(AF_INET6, text.c_str(), octets) == 1) {
      return GeneralName{Kind::kIpAddress, Bytes(octets, octets + kIpv6Bytes)};
    }
  }
  return Bad("an IP address", address);
}

GeneralName GeneralName::Directory(const Name& name) {
  return GeneralName{Kind::kDirectoryName, name.der()};
}

absl::StatusOr<GeneralName> GeneralName::FromText(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string kind = absl::AsciiStrToLower(text.substr(0, colon));
  const std::string_view value =
      colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (kind == "dns") return Dns(value);
  if (kind == "ip") return Ip(value);
  const bool is_plain =
      IsPlainText(AsBytes(value)) && !absl::StrContains(value, ' ');
  if (kind == "uri") {
    // RFC 5280 4.2.1.6: "The name MUST NOT be a relative URI".
    const size_t scheme_size = value.find(':');
    if (!is_plain || scheme_size == std::string_view::npos ||
        !absl::ascii_isalpha(value[0])) {
      return Bad("an absolute URI", value);
    }
    return GeneralName{Kind::kUri, ToBytes(AsBytes(value))};
  }
  if (kind == "email") {
    const size_t at = value.find('@');
    if (!is_plain || at == std::string_view::npos || at == 0 ||
        at + 1 == value.size()) {
      return Bad("a mailbox", value);
    }
    return GeneralName{Kind::kEmail, ToBytes(AsBytes(value))};
  }
  return Bad("a name of the form dns:, ip:, uri: or email:", text);
}

std::string GeneralName::ToText() const {
  const auto text = [this] { return EscapeControls(AsText(value)); };
  const auto hex = [this] { return absl::BytesToHexString(AsText(value)); };
  switch (kind) {
    case Kind::kEmail:
      return absl::StrCat("email:", text());
    case Kind::kDns:
      return absl::StrCat("dns:", text());
    case Kind::kUri:
      return absl::StrCat("uri:", text());
    case Kind::kIpAddress: {
      char buffer[INET6_ADDRSTRLEN];
      const int family = value.size() == kIpv4Bytes ? AF_INET : AF_INET6;
      if (!IsValid(kind, value) ||
          inet_ntop(family, value.data(), buffer, sizeof(buffer)) == nullptr) {
        return absl::StrCat("ip:", hex());
      }
      return absl::StrCat("ip:", buffer);
    }
    case Kind::kDirectoryName: {
      const absl::StatusOr<Name> name = Name::ParseDer(value);
      return absl::StrCat("dirname:", name.ok() ? name->ToText() : hex());
    }
    case Kind::kRegisteredId:
      return absl::StrCat("rid:", der::OidToDotted(value));
    case Kind::kOtherName:
      return absl::StrCat("othername:", hex());
    case Kind::kX400:
      return absl::StrCat("x400:", hex());
    case Kind::kEdiParty:
      return absl::StrCat("ediparty:", hex());
  }
  return "?";
}

bool ExpectGeneralName(der::Reader* reader, GeneralName* name) {
  der::Tag tag = 0;
  der::Reader content;
  if (!reader->PeekTag(&tag) || !reader->Expect(tag, &content)) return false;
  const uint32_t number = tag & CBS_ASN1_TAG_NUMBER_MASK;
  const Kind kind = static_cast<Kind>(number);
  if (number > static_cast<uint32_t>(Kind::kRegisteredId) ||
      tag != TagOf(kind) || !IsValid(kind, content.rest())) {
    return false;
  }
  *name = {kind, ToBytes(content.rest())};
  return true;
}

void AddGeneralName(der::Writer& writer, const GeneralName& name) {
  if (!IsValid(name.kind, name.value)) return writer.Fail();
  writer.AddPrimitive(TagOf(name.kind), name.value);
}

absl::StatusOr<std::vector<GeneralName>> ParseGeneralNamesDer(ByteView der) {
  der::Reader reader(der), list;
  if (!reader.ExpectSequence(&list) || !reader.Finish()) {
    return absl::InvalidArgumentError("general names: not a SEQUENCE of them");
  }
  return ParseGeneralNamesContent(list.rest());
}

absl::StatusOr<std::vector<GeneralName>> ParseGeneralNamesContent(
    ByteView content) {
  der::Reader list(content);
  if (list.empty()) {
    return absl::InvalidArgumentError("general names: not a SEQUENCE of them");
  }
  std::vector<GeneralName> names;
  while (!list.empty()) {
    GeneralName name;
    if (!ExpectGeneralName(&list, &name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("general names: entry ", names.size() + 1, " is bad"));
    }
    if (names.size() == kMaxNames) {
      return absl::InvalidArgumentError("general names: too many");
    }
    names.push_back(std::move(name));
  }
  return names;
}

absl::StatusOr<Bytes> SerializeGeneralNamesDer(
    const std::vector<GeneralName>& names) {
  if (names.empty() || names.size() > kMaxNames) {
    return absl::InvalidArgumentError("general names: 1 to 64 of them");
  }
  der::Writer writer;
  for (const GeneralName& name : names) {
    if (!IsValid(name.kind, name.value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("general names: bad: ", name.ToText()));
    }
  }
  writer.AddSequence([&](der::Writer& list) {
    for (const GeneralName& name : names) AddGeneralName(list, name);
  });
  return writer.Finish();
}

}  // namespace bestow
