#include "server/admin/ca_flags.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/pki/certificate_policies.h"
#include "common/pki/name.h"
#include "common/pki/name_constraints.h"
#include "server/admin/console.h"
#include "server/admin/state_files.h"
#include "server/admin/state_folder.h"
#include "server/config/duration.h"
#include "server/config/known_names.h"

namespace bestow::server {
namespace {

constexpr uint64_t kMaxPathLength = 8;

absl::Status Bad(std::string_view flag, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", what));
}

// What is about keys alone.
void OverrideKeys(const CommandLine& line, CaKeyOptions& keys) {
  if (line.Given("passphrase_file")) {
    keys.passphrase_file = line.Text("passphrase_file");
  }
  if (line.Given("tpm")) keys.tpm = line.Text("tpm");
}

// "gw.example,plant.example" as subtrees of `kind`; names of directories have
// commas in them, and stand one by one between semicolons.
absl::Status AddSubtrees(const CommandLine& line, std::string_view verb,
                         std::string_view kind,
                         std::vector<NameSubtree>& list) {
  const std::string flag = absl::StrCat(verb, "_", kind);
  std::vector<std::string> items;
  if (kind == "dirname") {
    items = absl::StrSplit(line.Text(flag), ';', absl::SkipWhitespace());
  } else {
    items = SplitList(line.Text(flag));
  }
  for (const std::string& item : items) {
    absl::StatusOr<NameSubtree> subtree =
        NameSubtree::FromText(absl::StrCat(kind, ":", item));
    if (!subtree.ok()) return Bad(flag, subtree.status().message());
    list.push_back(*std::move(subtree));
  }
  return absl::OkStatus();
}

absl::StatusOr<Name> SubjectOf(const CommandLine& line) {
  if (line.Given("subject")) {
    absl::StatusOr<Name> name = Name::FromText(line.Text("subject"));
    if (!name.ok()) return Bad("subject", name.status().message());
    if (name->empty()) return Bad("subject", "a CA needs a name");
    return name;
  }
  std::string common_name = line.Text("ca_name");
  if (common_name.empty()) {
    const std::string_view path = absl::StripSuffix(line.argument(), "/");
    common_name = std::string(path.substr(path.rfind('/') + 1));
  }
  absl::StatusOr<Name> name = Name::FromCommonName(common_name);
  if (!name.ok()) return Bad("ca_name", name.status().message());
  return name;
}

absl::StatusOr<std::vector<CertificatePolicy>> PoliciesOf(
    const CommandLine& line) {
  std::vector<CertificatePolicy> policies;
  for (const std::string& oid : SplitList(line.Text("policy"))) {
    absl::StatusOr<CertificatePolicy> policy = PolicyOf(oid, line.Text("cps"));
    if (!policy.ok()) return Bad("policy", policy.status().message());
    policies.push_back(*std::move(policy));
  }
  if (policies.empty() && line.Given("cps")) {
    return Bad("cps", "is of a policy: --policy=OID");
  }
  return policies;
}

absl::Status CheckUrl(std::string_view flag, const std::string& url) {
  if (url.empty() || (IsWebUrl(url) && absl::StartsWith(url, "http://"))) {
    return absl::OkStatus();
  }
  return Bad(flag, "must be a plain http URL (RFC 5280 8)");
}

}  // namespace

absl::StatusOr<CaPlace> CaPlaceOf(const CommandLine& line,
                                  std::string_view name) {
  CaPlace place;
  std::string_view own = name;
  absl::ConsumePrefix(&own, "cas/");
  if (absl::StrContains(own, "/")) {
    place.folder = std::string(absl::StripSuffix(name, "/"));
    OverrideKeys(line, place.keys);
    return place;
  }
  if (!IsCaName(own)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", name,
        "\" can't be a CA's folder: 1 to 64 of A-Z a-z 0-9 . _ -, the first a "
        "letter or digit, or a path like ./",
        own));
  }
  if (line.state_dir().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--state_dir=DIR is missing; a folder of no state folder "
                     "is given as a path, like ./",
                     own));
  }
  const StatePaths paths(line.state_dir());
  absl::StatusOr<Config> config = LoadConfig(paths);
  if (!config.ok()) return config.status();
  place.name = name == "ca" ? "ca" : absl::StrCat("cas/", own);
  place.folder = absl::StrCat(paths.folder, "/", place.name);
  CaKeysConfig keys = config->ca_keys;
  if (line.Given("passphrase_file")) keys.passphrase_credential.clear();
  absl::StatusOr<CaKeyOptions> options = CaKeyOptionsOf(keys, paths);
  if (!options.ok()) return options.status();
  place.keys = *std::move(options);
  OverrideKeys(line, place.keys);
  return place;
}

const std::vector<std::string_view>& CaRightsFlags() {
  static const auto* const kFlags = new std::vector<std::string_view>{
      "ca_name",         "subject",        "path_length",
      "permit_dns",      "permit_ip",      "permit_email",
      "permit_uri",      "permit_dirname", "exclude_dns",
      "exclude_ip",      "exclude_email",  "exclude_uri",
      "exclude_dirname", "policy",         "cps"};
  return *kFlags;
}

const std::vector<std::string_view>& CaContentsFlags() {
  static const auto* const kFlags = [] {
    auto* flags = new std::vector<std::string_view>(CaRightsFlags());
    for (std::string_view flag : {"validity", "crl_url", "ca_issuers_url"}) {
      flags->push_back(flag);
    }
    return flags;
  }();
  return *kFlags;
}

absl::StatusOr<CaContents> CaContentsOf(const CommandLine& line,
                                        absl::Duration validity,
                                        std::optional<uint64_t> path_length) {
  CaContents contents;
  absl::StatusOr<Name> subject = SubjectOf(line);
  if (!subject.ok()) return subject.status();
  contents.subject = *std::move(subject);
  contents.validity = validity;
  if (line.Given("validity")) {
    const std::optional<absl::Duration> given =
        ParseDurationText(line.Text("validity"));
    if (!given.has_value() || *given < absl::Minutes(1) ||
        *given > absl::Hours(24 * 366 * 100)) {
      return Bad("validity", "must be like 3650d, a minute to a hundred years");
    }
    contents.validity = *given;
  }
  contents.path_length = path_length;
  if (line.Given("path_length")) {
    uint64_t length = 0;
    if (line.Text("path_length") == "none") {
      contents.path_length = std::nullopt;
    } else if (absl::SimpleAtoi(line.Text("path_length"), &length) &&
               length <= kMaxPathLength) {
      contents.path_length = length;
    } else {
      return Bad("path_length", absl::StrCat("must be 0 to ", kMaxPathLength,
                                             ", or none for any"));
    }
  }
  for (std::string_view kind : {"dns", "ip", "email", "uri", "dirname"}) {
    absl::Status status =
        AddSubtrees(line, "permit", kind, contents.constraints.permitted);
    status.Update(
        AddSubtrees(line, "exclude", kind, contents.constraints.excluded));
    if (!status.ok()) return status;
  }
  absl::StatusOr<std::vector<CertificatePolicy>> policies = PoliciesOf(line);
  if (!policies.ok()) return policies.status();
  contents.policies = *std::move(policies);
  contents.urls.crl = line.Text("crl_url");
  contents.urls.ca_issuers = line.Text("ca_issuers_url");
  absl::Status status = CheckUrl("crl_url", contents.urls.crl);
  status.Update(CheckUrl("ca_issuers_url", contents.urls.ca_issuers));
  if (!status.ok()) return status;
  return contents;
}

}  // namespace bestow::server
