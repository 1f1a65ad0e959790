#include "common/pki/name_text.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/der/strings.h"
#include "common/pki/oids.h"

namespace bestow {
namespace {

constexpr std::string_view kSeparators = ",+\"\\<>;=";

struct TypeName {
  std::string_view text;
  const der::Oid& (*oid)();
};
constexpr TypeName kTypeNames[] = {
    {"CN", oids::CommonName},
    {"O", oids::OrganizationName},
    {"OU", oids::OrganizationalUnit},
    {"C", oids::CountryName},
    {"L", oids::LocalityName},
    {"ST", oids::StateOrProvince},
    {"serialNumber", oids::SerialNumber},
    {"DC", oids::DomainComponent},
};

absl::StatusOr<der::Oid> ParseType(std::string_view text) {
  for (const TypeName& name : kTypeNames) {
    if (absl::EqualsIgnoreCase(name.text, text)) return name.oid();
  }
  absl::StatusOr<der::Oid> oid = der::OidFromDotted(text);
  if (oid.ok()) return oid;
  return absl::InvalidArgumentError(
      absl::StrCat("name: unknown attribute type '", EscapeControls(text),
                   "'; known are CN, O, OU, C, L, ST, serialNumber, DC, and "
                   "dotted OIDs"));
}

// How many octets at the start of `text` must not reach a log as they are.
size_t UnsafeLength(std::string_view text) {
  const uint8_t first = text[0];
  if (first < 0x20 || first == 0x7F) return 1;
  // U+0080 to U+009F, the C1 controls
  if (first == 0xC2 && text.size() > 1 && uint8_t(text[1]) < 0xA0) return 2;
  if (text.size() < 3) return 0;
  const std::string_view three = text.substr(0, 3);
  const uint8_t last = three[2];
  // U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069
  if ((absl::StartsWith(three, "\xE2\x80") &&
       ((last >= 0x8E && last <= 0x8F) || (last >= 0xA8 && last <= 0xAE))) ||
      (absl::StartsWith(three, "\xE2\x81") && last >= 0xA6 && last <= 0xA9)) {
    return 3;
  }
  return 0;
}

std::string Escape(std::string_view utf8, std::string_view escaped) {
  std::string out;
  for (size_t i = 0; i < utf8.size();) {
    const size_t unsafe = UnsafeLength(utf8.substr(i));
    for (size_t j = 0; j < unsafe; ++j) {
      absl::StrAppendFormat(&out, "\\%02X", static_cast<uint8_t>(utf8[i + j]));
    }
    i += unsafe;
    if (unsafe > 0) continue;
    const char c = utf8[i];
    const bool is_edge_space =
        !escaped.empty() && c == ' ' && (i == 0 || i + 1 == utf8.size());
    const bool is_first_hash = !escaped.empty() && c == '#' && i == 0;
    if (is_edge_space || is_first_hash ||
        escaped.find(c) != std::string_view::npos) {
      out.push_back('\\');
    }
    out.push_back(c);
    ++i;
  }
  return out;
}

// Takes one attribute's value off `rest`, up to a bare comma or the end.
absl::StatusOr<std::string> TakeValue(std::string_view* rest) {
  std::string value;
  // Trailing white space is not part of the value, escaped white space is.
  size_t keep = 0;
  *rest = absl::StripLeadingAsciiWhitespace(*rest);
  while (!rest->empty() && (*rest)[0] != ',') {
    const char c = (*rest)[0];
    rest->remove_prefix(1);
    if (c == '+' || c == '"' || c == ';' || c == '<' || c == '>') {
      return absl::InvalidArgumentError(
          absl::StrCat("name: '", std::string(1, c),
                       "' in a value must be escaped with a backslash"));
    }
    if (c != '\\') {
      value.push_back(c);
      if (!absl::ascii_isspace(c)) keep = value.size();
      continue;
    }
    if (rest->size() >= 2 && absl::ascii_isxdigit((*rest)[0]) &&
        absl::ascii_isxdigit((*rest)[1])) {
      const auto digit = [](char d) {
        return absl::ascii_isdigit(d) ? d - '0'
                                      : absl::ascii_tolower(d) - 'a' + 10;
      };
      value.push_back(
          static_cast<char>(digit((*rest)[0]) << 4 | digit((*rest)[1])));
      rest->remove_prefix(2);
    } else if (!rest->empty() &&
               absl::StrContains(" #,+\"\\<>;=", (*rest)[0])) {
      value.push_back((*rest)[0]);
      rest->remove_prefix(1);
    } else {
      return absl::InvalidArgumentError("name: a bad escape after a backslash");
    }
    keep = value.size();
  }
  value.resize(keep);
  return value;
}

}  // namespace

absl::StatusOr<std::vector<std::pair<der::Oid, std::string>>> ParseNameText(
    std::string_view text) {
  std::vector<std::pair<der::Oid, std::string>> out;
  // White space at the end may be escaped: TakeValue() judges it.
  std::string_view rest = absl::StripLeadingAsciiWhitespace(text);
  if (rest.empty()) return out;
  while (true) {
    const size_t equals = rest.find('=');
    if (equals == std::string_view::npos) {
      return absl::InvalidArgumentError("name: an attribute without '='");
    }
    absl::StatusOr<der::Oid> type =
        ParseType(absl::StripAsciiWhitespace(rest.substr(0, equals)));
    if (!type.ok()) return type.status();
    rest.remove_prefix(equals + 1);
    absl::StatusOr<std::string> value = TakeValue(&rest);
    if (!value.ok()) return value.status();
    out.emplace_back(*std::move(type), *std::move(value));
    if (rest.empty()) return out;
    rest.remove_prefix(1);  // the comma
  }
}

std::string AttributeTypeText(const der::Oid& type) {
  for (const TypeName& name : kTypeNames) {
    if (name.oid() == type) return std::string(name.text);
  }
  return der::OidToDotted(type.content);
}

std::string EscapeNameText(std::string_view utf8) {
  return Escape(utf8, kSeparators);
}

std::string EscapeControls(std::string_view utf8) { return Escape(utf8, ""); }

}  // namespace bestow
