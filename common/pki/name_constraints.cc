#include "common/pki/name_constraints.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow {
namespace {

using Kind = GeneralName::Kind;

constexpr size_t kMaxSubtrees = 256;
constexpr size_t kIpv4Bytes = 4;
constexpr size_t kIpv6Bytes = 16;
constexpr der::Tag kConstructed =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;

absl::Status Malformed() {
  return absl::InvalidArgumentError("nameConstraints is malformed");
}

bool IsConstructed(Kind kind) {
  return kind == Kind::kOtherName || kind == Kind::kX400 ||
         kind == Kind::kDirectoryName || kind == Kind::kEdiParty;
}

der::Tag TagOf(Kind kind) {
  return CBS_ASN1_CONTEXT_SPECIFIC |
         (IsConstructed(kind) ? CBS_ASN1_CONSTRUCTED : 0u) |
         static_cast<der::Tag>(kind);
}

// Ones, then zeros.
bool IsMask(ByteView mask) {
  bool has_ended = false;
  for (const uint8_t octet : mask) {
    for (int bit = 7; bit >= 0; --bit) {
      const bool is_set = (octet >> bit & 1) != 0;
      if (is_set && has_ended) return false;
      has_ended = has_ended || !is_set;
    }
  }
  return true;
}

// A host or, after a dot, a domain. The empty one is all there are.
bool IsHostOrDomain(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() == '.') text.remove_prefix(1);
  return GeneralName::Dns(text).ok();
}

bool IsValid(Kind kind, ByteView value) {
  const std::string_view text = AsText(value);
  switch (kind) {
    case Kind::kDns:
    case Kind::kUri:
      return IsHostOrDomain(text);
    case Kind::kEmail: {
      const size_t at = text.rfind('@');
      if (at == std::string_view::npos) return IsHostOrDomain(text);
      return GeneralName::FromText(absl::StrCat("email:", text)).ok() &&
             GeneralName::Dns(text.substr(at + 1)).ok();
    }
    case Kind::kIpAddress:
      return (value.size() == 2 * kIpv4Bytes ||
              value.size() == 2 * kIpv6Bytes) &&
             IsMask(value.subspan(value.size() / 2));
    case Kind::kDirectoryName:
      return Name::ParseDer(value).ok();
    default:
      return true;
  }
}

// DNS: the name, or labels added on its left. A leading dot, which many write,
// asks for one label at least.
bool DnsContains(std::string_view base, std::string_view name) {
  if (base.empty()) return true;
  if (base.front() == '.') {
    return name.size() > base.size() && absl::EndsWithIgnoreCase(name, base);
  }
  return absl::EqualsIgnoreCase(name, base) ||
         absl::EndsWithIgnoreCase(name, absl::StrCat(".", base));
}

// URI and e-mail: that host alone, or with a leading dot all below it.
bool HostContains(std::string_view base, std::string_view host) {
  if (base.empty()) return true;
  if (base.front() == '.') return DnsContains(base, host);
  return absl::EqualsIgnoreCase(host, base);
}

// RFC 5280 7.5: the local part is compared exactly, the host without case.
bool EmailContains(std::string_view base, std::string_view mailbox) {
  const size_t at = mailbox.rfind('@');
  if (at == std::string_view::npos) return false;
  const std::string_view host = mailbox.substr(at + 1);
  const size_t base_at = base.rfind('@');
  if (base_at == std::string_view::npos) return HostContains(base, host);
  return base.substr(0, base_at) == mailbox.substr(0, at) &&
         absl::EqualsIgnoreCase(base.substr(base_at + 1), host);
}

// The host of a URI's authority; nullopt when there is none that is a name.
std::optional<std::string_view> HostOf(std::string_view uri) {
  const size_t start = uri.find("://");
  if (start == std::string_view::npos) return std::nullopt;
  std::string_view host = uri.substr(start + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  const size_t at = host.rfind('@');
  if (at != std::string_view::npos) host = host.substr(at + 1);
  host = host.substr(0, host.find(':'));
  if (!GeneralName::Dns(host).ok() || GeneralName::Ip(host).ok()) {
    return std::nullopt;
  }
  return host;
}

bool IpContains(ByteView base, ByteView address) {
  if (base.size() != 2 * address.size()) return false;
  for (size_t i = 0; i < address.size(); ++i) {
    const uint8_t mask = base[address.size() + i];
    if ((base[i] & mask) != (address[i] & mask)) return false;
  }
  return true;
}

bool DirectoryContains(ByteView base_der, ByteView name_der) {
  const absl::StatusOr<Name> base = Name::ParseDer(base_der);
  const absl::StatusOr<Name> name = Name::ParseDer(name_der);
  if (!base.ok() || !name.ok()) return false;
  const auto& first = base->attributes();
  const auto& all = name->attributes();
  if (first.size() > all.size()) return false;
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i].type != all[i].type ||
        first[i].joins_previous != all[i].joins_previous ||
        !absl::EqualsIgnoreCase(first[i].value, all[i].value)) {
      return false;
    }
  }
  // Half an RDN is none.
  return first.size() == all.size() || !all[first.size()].joins_previous;
}

absl::StatusOr<Bytes> AddressRange(std::string_view text) {
  const std::pair<std::string_view, std::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  const absl::StatusOr<GeneralName> address = GeneralName::Ip(parts.first);
  size_t ones = 0;
  if (!address.ok() || !absl::SimpleAtoi(parts.second, &ones) ||
      ones > address->value.size() * 8) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", absl::CHexEscape(text), "' is no range such as 10.0.0.0/8"));
  }
  Bytes mask(address->value.size());
  for (size_t i = 0; i < ones; ++i) mask[i / 8] |= 0x80u >> (i % 8);
  Bytes out = address->value;
  for (size_t i = 0; i < mask.size(); ++i) {
    if ((out[i] & ~mask[i]) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "': bits are set below the range's length"));
    }
  }
  out.insert(out.end(), mask.begin(), mask.end());
  return out;
}

std::optional<std::vector<NameSubtree>> ReadSubtrees(der::Reader list) {
  // GeneralSubtree ::= SEQUENCE { base GeneralName,
  //   minimum [0] BaseDistance DEFAULT 0, maximum [1] BaseDistance OPTIONAL }
  std::vector<NameSubtree> out;
  while (!list.empty()) {
    der::Reader fields, content;
    der::Tag tag = 0;
    if (out.size() == kMaxSubtrees || !list.ExpectSequence(&fields) ||
        !fields.PeekTag(&tag) || !fields.Expect(tag, &content) ||
        !fields.Finish()) {
      return std::nullopt;
    }
    const uint32_t number = tag & CBS_ASN1_TAG_NUMBER_MASK;
    const Kind kind = static_cast<Kind>(number);
    if (number > static_cast<uint32_t>(Kind::kRegisteredId) ||
        tag != TagOf(kind) || !IsValid(kind, content.rest())) {
      return std::nullopt;
    }
    out.push_back({kind, ToBytes(content.rest())});
  }
  if (out.empty()) return std::nullopt;
  return out;
}

void AddSubtrees(der::Writer& writer, der::Tag tag,
                 const std::vector<NameSubtree>& subtrees) {
  if (subtrees.empty()) return;
  writer.Add(tag, [&](der::Writer& list) {
    for (const NameSubtree& subtree : subtrees) {
      list.AddSequence([&](der::Writer& fields) {
        fields.AddPrimitive(TagOf(subtree.kind), subtree.value);
      });
    }
  });
}

absl::Status CheckName(const NameConstraints& constraints,
                       const GeneralName& name) {
  const auto of_kind = [&](const NameSubtree& s) {
    return s.kind == name.kind;
  };
  const auto contains = [&](const NameSubtree& s) {
    return s.kind == name.kind && s.Contains(name);
  };
  // "the application MUST reject the certificate" whose URI has no host name
  // while there is a constraint on URIs, of whichever sort.
  const bool is_constrained =
      std::any_of(constraints.permitted.begin(), constraints.permitted.end(),
                  of_kind) ||
      std::any_of(constraints.excluded.begin(), constraints.excluded.end(),
                  of_kind);
  if (!is_constrained) return absl::OkStatus();
  if (name.kind == Kind::kUri && !HostOf(AsText(name.value)).has_value()) {
    return absl::PermissionDeniedError(
        absl::StrCat(name.ToText(),
                     " has no host, and the CA's name constraints ask for "
                     "one"));
  }
  for (const NameSubtree& excluded : constraints.excluded) {
    if (contains(excluded)) {
      return absl::PermissionDeniedError(
          absl::StrCat(name.ToText(),
                       " is excluded by the CA's name "
                       "constraint ",
                       excluded.ToText()));
    }
  }
  const auto& permitted = constraints.permitted;
  if (std::any_of(permitted.begin(), permitted.end(), of_kind) &&
      std::none_of(permitted.begin(), permitted.end(), contains)) {
    return absl::PermissionDeniedError(absl::StrCat(
        name.ToText(), " is outside of what the CA's name constraints permit"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NameSubtree> NameSubtree::FromText(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string kind_text = absl::AsciiStrToLower(text.substr(0, colon));
  const std::string_view value =
      colon == std::string_view::npos ? "" : text.substr(colon + 1);
  NameSubtree out;
  if (kind_text == "ip") {
    absl::StatusOr<Bytes> range = AddressRange(value);
    if (!range.ok()) return range.status();
    return NameSubtree{Kind::kIpAddress, *std::move(range)};
  }
  if (kind_text == "dirname") {
    absl::StatusOr<Name> name = Name::FromText(value);
    if (!name.ok()) return name.status();
    return NameSubtree{Kind::kDirectoryName, name->der()};
  }
  const bool is_known =
      kind_text == "dns" || kind_text == "uri" || kind_text == "email";
  out.kind = kind_text == "dns"   ? Kind::kDns
             : kind_text == "uri" ? Kind::kUri
                                  : Kind::kEmail;
  out.value = ToBytes(AsBytes(value));
  if (!is_known || value.empty() || !IsValid(out.kind, out.value)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", absl::CHexEscape(text),
        "' is no subtree of names such as dns:example.com, ip:10.0.0.0/8, "
        "email:example.com, uri:example.com or dirname:O=Acme"));
  }
  return out;
}

std::string NameSubtree::ToText() const {
  if (kind != Kind::kIpAddress || !IsValid(kind, value)) {
    return GeneralName{kind, value}.ToText();
  }
  const size_t half = value.size() / 2;
  size_t ones = 0;
  for (size_t i = half; i < value.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) ones += value[i] >> bit & 1;
  }
  const GeneralName address{
      kind, Bytes(value.begin(), value.begin() + static_cast<ptrdiff_t>(half))};
  return absl::StrCat(address.ToText(), "/", ones);
}

bool NameSubtree::Contains(const GeneralName& name) const {
  if (name.kind != kind) return false;
  const std::string_view base = AsText(value), text = AsText(name.value);
  switch (kind) {
    case Kind::kDns:
      return DnsContains(base, text);
    case Kind::kEmail:
      return EmailContains(base, text);
    case Kind::kUri: {
      const std::optional<std::string_view> host = HostOf(text);
      return host.has_value() && HostContains(base, *host);
    }
    case Kind::kIpAddress:
      return IpContains(value, name.value);
    case Kind::kDirectoryName:
      return DirectoryContains(value, name.value);
    default:
      return true;
  }
}

// NameConstraints ::= SEQUENCE { permittedSubtrees [0] GeneralSubtrees
//   OPTIONAL, excludedSubtrees [1] GeneralSubtrees OPTIONAL }
absl::StatusOr<NameConstraints> ParseNameConstraints(ByteView value) {
  der::Reader reader(value), fields, permitted, excluded;
  bool has_permitted = false, has_excluded = false;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !fields.Match(kConstructed | 0, &permitted, &has_permitted) ||
      !fields.Match(kConstructed | 1, &excluded, &has_excluded) ||
      !fields.Finish() || (!has_permitted && !has_excluded)) {
    return Malformed();
  }
  NameConstraints out;
  for (const auto& [present, list, target] :
       {std::tuple(has_permitted, permitted, &out.permitted),
        std::tuple(has_excluded, excluded, &out.excluded)}) {
    if (!present) continue;
    std::optional<std::vector<NameSubtree>> subtrees = ReadSubtrees(list);
    if (!subtrees.has_value()) return Malformed();
    *target = *std::move(subtrees);
  }
  return out;
}

absl::StatusOr<Bytes> SerializeNameConstraints(
    const NameConstraints& constraints) {
  const auto is_valid = [](const NameSubtree& s) {
    return IsValid(s.kind, s.value);
  };
  const auto& permitted = constraints.permitted;
  const auto& excluded = constraints.excluded;
  if ((permitted.empty() && excluded.empty()) ||
      permitted.size() > kMaxSubtrees || excluded.size() > kMaxSubtrees ||
      !std::all_of(permitted.begin(), permitted.end(), is_valid) ||
      !std::all_of(excluded.begin(), excluded.end(), is_valid)) {
    return absl::InvalidArgumentError(
        "nameConstraints: 1 to 256 well-formed subtrees");
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    AddSubtrees(fields, kConstructed | 0, permitted);
    AddSubtrees(fields, kConstructed | 1, excluded);
  });
  return writer.Finish();
}

absl::Status CheckNameConstraints(const NameConstraints& constraints,
                                  const Name& subject,
                                  const std::vector<GeneralName>& sans) {
  if (!subject.empty()) {
    absl::Status status =
        CheckName(constraints, GeneralName::Directory(subject));
    if (!status.ok()) return status;
  }
  for (const GeneralName& name : sans) {
    absl::Status status = CheckName(constraints, name);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace bestow
