#include "server/config/san_pattern.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/pki/name_constraints.h"

namespace bestow::server {
namespace {

using Kind = GeneralName::Kind;

constexpr char kIdentity[] = "{identity}";
constexpr char kSampleIdentity[] = "gw-17";
constexpr char kAnyLabel[] = "any-label";

absl::Status Bad(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text), "\" ", why));
}

std::string Rendered(std::string_view text, std::string_view identity) {
  return absl::StrReplaceAll(text, {{kIdentity, identity}});
}

std::string_view ValueOf(std::string_view text) {
  return text.substr(text.find(':') + 1);
}

bool HostMatches(std::string_view pattern, std::string_view host) {
  const std::vector<std::string_view> wanted = absl::StrSplit(pattern, '.');
  const std::vector<std::string_view> labels = absl::StrSplit(host, '.');
  if (wanted.size() != labels.size()) return false;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (wanted[i] != "*" && !absl::EqualsIgnoreCase(wanted[i], labels[i])) {
      return false;
    }
  }
  return true;
}

bool EmailMatches(std::string_view pattern, std::string_view mailbox) {
  const size_t at = mailbox.rfind('@');
  const size_t pattern_at = pattern.rfind('@');
  if (at == std::string_view::npos) return false;
  const std::string_view local = pattern.substr(0, pattern_at);
  return (local == "*" || local == mailbox.substr(0, at)) &&
         HostMatches(pattern.substr(pattern_at + 1), mailbox.substr(at + 1));
}

// Letters that no reader of URIs gives a meaning to: a path could lead out of
// the pattern's ("x/../y", "x/%2e%2e/y").
bool IsPlainPart(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  std::string_view("-._~:@").find(c) != std::string_view::npos;
         });
}

bool UriMatches(std::string_view pattern, std::string_view uri) {
  if (!absl::EndsWith(pattern, "*")) return pattern == uri;
  pattern.remove_suffix(1);
  return absl::ConsumePrefix(&uri, pattern) && IsPlainPart(uri);
}

bool AddressMatches(std::string_view text, const GeneralName& name) {
  if (!absl::StrContains(text, '/')) {
    const absl::StatusOr<GeneralName> address = GeneralName::FromText(text);
    return address.ok() && *address == name;
  }
  const absl::StatusOr<NameSubtree> range = NameSubtree::FromText(text);
  return range.ok() && range->Contains(name);
}

absl::Status CheckHost(std::string_view text, std::string_view host) {
  std::vector<std::string_view> labels = absl::StrSplit(host, '.');
  if (labels.back() == "*") return Bad(text, "leaves the last label open");
  for (std::string_view& label : labels) {
    if (label == "*") label = kAnyLabel;
  }
  std::string sample;
  for (const std::string_view label : labels) {
    absl::StrAppend(&sample, sample.empty() ? "" : ".", label);
  }
  // A '*' within a label, too.
  return GeneralName::Dns(sample).ok()
             ? absl::OkStatus()
             : Bad(text, "makes no host name ('*' stands for whole labels)");
}

absl::Status CheckUri(std::string_view text, std::string_view uri) {
  const size_t star = uri.find('*');
  if (star == std::string_view::npos) {
    return GeneralName::FromText(absl::StrCat("uri:", uri)).status();
  }
  if (star + 1 != uri.size() || star == 0 ||
      std::string_view(":/#?=&;").find(uri[star - 1]) ==
          std::string_view::npos) {
    return Bad(text,
               "can have '*' only at its end, after one of : / # ? = & ;");
  }
  const std::string_view fixed = uri.substr(0, star);
  const size_t authority = fixed.find("://");
  if (authority != std::string_view::npos &&
      fixed.find('/', authority + 3) == std::string_view::npos) {
    return Bad(text, "leaves the host open");
  }
  return GeneralName::FromText(absl::StrCat("uri:", fixed, "x")).status();
}

}  // namespace

absl::StatusOr<SanPattern> SanPattern::Parse(std::string_view text) {
  const std::string sample = Rendered(text, kSampleIdentity);
  if (sample.find_first_of("{}") != std::string::npos) {
    return Bad(text, "has other braces than {identity}");
  }
  const std::string_view value = ValueOf(sample);
  absl::Status status;
  Kind kind = Kind::kDns;
  if (absl::StartsWith(text, "dns:")) {
    status = CheckHost(text, value);
  } else if (absl::StartsWith(text, "ip:")) {
    kind = Kind::kIpAddress;
    if (absl::StrContains(text, kIdentity)) {
      return Bad(text, "has {identity} in an address");
    }
    status = absl::StrContains(text, '/')
                 ? NameSubtree::FromText(text).status()
                 : GeneralName::FromText(text).status();
  } else if (absl::StartsWith(text, "email:")) {
    kind = Kind::kEmail;
    const size_t at = value.rfind('@');
    const std::string_view local = value.substr(0, at);
    if (at == std::string_view::npos || local.empty() ||
        (local != "*" && absl::StrContains(local, '*')) ||
        !GeneralName::FromText(absl::StrCat("email:", local, "@x")).ok()) {
      return Bad(text, "makes no mailbox ('*' stands for all of its name)");
    }
    status = CheckHost(text, value.substr(at + 1));
  } else if (absl::StartsWith(text, "uri:")) {
    kind = Kind::kUri;
    status = CheckUri(text, value);
  } else {
    return Bad(text, "is no pattern of the form dns:, ip:, email: or uri:");
  }
  if (!status.ok()) return status;
  return SanPattern(std::string(text), kind);
}

bool SanPattern::Matches(const GeneralName& name,
                         std::string_view identity) const {
  if (name.kind != kind_) return false;
  const std::string rendered = Rendered(text_, identity);
  const std::string_view pattern = ValueOf(rendered), text = AsText(name.value);
  switch (kind_) {
    case Kind::kDns:
      // What is no host name, such as one with an asterisk, is nobody's.
      return GeneralName::Dns(text).ok() && HostMatches(pattern, text);
    case Kind::kEmail:
      return EmailMatches(pattern, text);
    case Kind::kUri:
      return UriMatches(pattern, text);
    default:
      return AddressMatches(rendered, name);
  }
}

}  // namespace bestow::server
