#include "server/policy/server_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/bytes.h"
#include "common/pki/oids.h"

namespace bestow::server {
namespace {

std::string Canonical(std::string_view host) {
  return absl::AsciiStrToLower(absl::StripSuffix(host, "."));
}

// The host of "scheme://user@host:port/..."; "" without an authority.
std::string_view HostOfUri(std::string_view uri) {
  const size_t start = uri.find("//");
  if (start == std::string_view::npos) return "";
  uri.remove_prefix(start + 2);
  uri = uri.substr(0, uri.find_first_of("/?#"));
  const size_t at = uri.rfind('@');
  if (at != std::string_view::npos) uri.remove_prefix(at + 1);
  if (absl::StartsWith(uri, "[")) return uri.substr(1, uri.find(']') - 1);
  return uri.substr(0, uri.find(':'));
}

absl::Status Refuse(std::string_view name) {
  return absl::PermissionDeniedError(absl::StrCat(
      "the name ", name,
      " is this server's or its CA's, and no device's certificate may carry "
      "it"));
}

}  // namespace

ServerNames::ServerNames(const Certificate& tls,
                         const std::vector<Certificate>& cas,
                         const std::vector<std::string>& hostnames) {
  for (const Certificate& ca : cas) ca_subjects_.push_back(ca.subject);
  for (const std::string& host : hostnames) AddHost(host);
  for (const GeneralName& san : tls.sans) {
    if (san.kind == GeneralName::Kind::kDns) AddHost(AsText(san.value));
    if (san.kind == GeneralName::Kind::kIpAddress) addresses_.push_back(san);
  }
  AddHost(tls.subject.common_name());
}

void ServerNames::AddHost(std::string_view host) {
  if (host.empty()) return;
  hosts_.push_back(Canonical(host));
  absl::StatusOr<GeneralName> address = GeneralName::Ip(host);
  if (address.ok()) addresses_.push_back(*std::move(address));
}

bool ServerNames::IsOurs(std::string_view host) const {
  const std::string name = Canonical(host);
  if (name.empty()) return false;
  absl::StatusOr<GeneralName> address = GeneralName::Ip(name);
  if (address.ok() && std::find(addresses_.begin(), addresses_.end(),
                                *address) != addresses_.end()) {
    return true;
  }
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const auto& ours) {
    if (name == ours) return true;
    // RFC 6125 6.4.3: a wildcard stands for the leftmost label.
    const size_t dot = ours.find('.');
    return absl::StartsWith(name, "*.") && dot != std::string::npos &&
           name.substr(1) == ours.substr(dot);
  });
}

absl::Status ServerNames::Check(const Name& subject,
                                const std::vector<GeneralName>& sans) const {
  if (std::find(ca_subjects_.begin(), ca_subjects_.end(), subject) !=
      ca_subjects_.end()) {
    return Refuse(subject.ToText());
  }
  for (const Name::Attribute& attribute : subject.attributes()) {
    if (attribute.type != oids::CommonName()) continue;
    absl::Status status = CheckText(attribute.value);
    if (!status.ok()) return status;
  }
  for (const GeneralName& san : sans) {
    bool ours = false;
    switch (san.kind) {
      case GeneralName::Kind::kDns:
        ours = IsOurs(AsText(san.value));
        break;
      case GeneralName::Kind::kIpAddress:
        ours = std::find(addresses_.begin(), addresses_.end(), san) !=
               addresses_.end();
        break;
      case GeneralName::Kind::kUri:
        ours = IsOurs(HostOfUri(AsText(san.value)));
        break;
      case GeneralName::Kind::kDirectoryName:
        ours = std::any_of(
            ca_subjects_.begin(), ca_subjects_.end(),
            [&](const Name& name) { return san.value == name.der(); });
        break;
      default:
        break;
    }
    if (ours) return Refuse(san.ToText());
  }
  return absl::OkStatus();
}

absl::Status ServerNames::CheckText(std::string_view text) const {
  if (text.empty()) return absl::OkStatus();
  const bool is_ca = std::any_of(
      ca_subjects_.begin(), ca_subjects_.end(), [text](const Name& name) {
        return absl::EqualsIgnoreCase(text, name.common_name());
      });
  if (is_ca || IsOurs(text)) return Refuse(text);
  return absl::OkStatus();
}

}  // namespace bestow::server
