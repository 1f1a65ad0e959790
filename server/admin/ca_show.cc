#include "server/admin/ca_show.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/crypto/key_type.h"
#include "common/crypto/public_key.h"
#include "common/pki/certificate_policies.h"
#include "common/pki/name_constraints.h"
#include "common/pki/oids.h"
#include "server/admin/ca_flags.h"
#include "server/admin/ca_folder.h"
#include "server/admin/file_swap.h"
#include "server/admin/json.h"
#include "server/admin/state_files.h"
#include "server/admin/state_folder.h"
#include "server/config/known_names.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxChain = 10;

std::string KeyTypeText(const Certificate& certificate) {
  absl::StatusOr<KeyType> type = KeyTypeOfSpki(certificate.spki);
  return type.ok() ? std::string(KeyTypeName(*type)) : "another";
}

// Opens no key: whether a file's is under a passphrase shows when it is used.
std::string StorageText(const std::string& folder) {
  absl::StatusOr<KeyStorage> storage =
      CaKeyStorage(SwapPath(folder, "ca.key.pem"));
  if (!storage.ok()) return "missing";
  return *storage == KeyStorage::kTpm ? "tpm" : "file";
}

const Bytes* ValueOf(const Certificate& certificate, const der::Oid& id) {
  for (const Extension& extension : certificate.extensions) {
    if (extension.id == id) return &extension.value;
  }
  return nullptr;
}

Json TextsOf(const std::vector<NameSubtree>& subtrees) {
  Json list = Json::array();
  for (const NameSubtree& subtree : subtrees) list.push_back(subtree.ToText());
  return list;
}

Json JsonOf(const Certificate& certificate) {
  Json out;
  out["subject"] = certificate.subject.ToText();
  out["issuer"] = certificate.issuer.ToText();
  out["serial"] = certificate.SerialHex();
  out["not_before"] = UtcText(certificate.not_before);
  out["not_after"] = UtcText(certificate.not_after);
  out["key_type"] = KeyTypeText(certificate);
  const BasicConstraints basic =
      certificate.basic_constraints.value_or(BasicConstraints());
  out["path_length"] =
      basic.path_length.has_value() ? Json(*basic.path_length) : Json(nullptr);
  if (const Bytes* value = ValueOf(certificate, oids::NameConstraints())) {
    absl::StatusOr<NameConstraints> constraints = ParseNameConstraints(*value);
    if (constraints.ok()) {
      out["permitted"] = TextsOf(constraints->permitted);
      out["excluded"] = TextsOf(constraints->excluded);
    }
  }
  if (const Bytes* value = ValueOf(certificate, oids::CertificatePolicies())) {
    absl::StatusOr<std::vector<CertificatePolicy>> policies =
        ParseCertificatePolicies(*value);
    Json list = Json::array();
    if (policies.ok()) {
      for (const CertificatePolicy& policy : *policies) {
        list.push_back(der::OidToDotted(policy.id.content));
      }
    }
    out["policies"] = list;
  }
  out["sha256"] = HexEncode(Sha256(certificate.der));
  return out;
}

void PrintCertificate(const Console& console, const Json& certificate) {
  const auto row = [&](std::string_view name, const std::string& text) {
    console.out << absl::StrFormat("  %-12s %s\n", name, text);
  };
  console.out << TextOf(certificate, "subject") << "\n";
  row("issuer", TextOf(certificate, "issuer"));
  row("serial", TextOf(certificate, "serial"));
  row("valid", absl::StrCat(TextOf(certificate, "not_before"), " to ",
                            TextOf(certificate, "not_after")));
  row("key", TextOf(certificate, "key_type"));
  const std::optional<int64_t> length = NumberOf(certificate, "path_length");
  row("path length", length.has_value() ? absl::StrCat(*length) : "any");
  for (const auto& [member, name] :
       {std::pair("permitted", "permitted"), std::pair("excluded", "excluded"),
        std::pair("policies", "policy")}) {
    const auto list = certificate.find(member);
    if (list == certificate.end()) continue;
    for (const Json& item : *list) row(name, item.get<std::string>());
  }
  row("sha256", TextOf(certificate, "sha256"));
}

// The labels, "." for the service without one, that issue by the CA.
Json LabelsOf(const Config& config, const std::string& name) {
  Json labels = Json::array();
  if (config.service.signing_ca() == name) labels.push_back(".");
  for (const ServiceConfig& label : config.labels) {
    if (label.signing_ca() == name) labels.push_back(label.label);
  }
  return labels;
}

absl::StatusOr<std::vector<std::string>> NamesOf(const StatePaths& paths) {
  std::vector<std::string> names;
  if (PathExists(paths.ca_folder)) names.push_back("ca");
  std::error_code error;
  for (std::filesystem::directory_iterator it(paths.cas_folder, error), end;
       !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    // One that is half made begins with a dot.
    if (IsCaName(name)) names.push_back(absl::StrCat("cas/", name));
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't read ", paths.cas_folder, ": ", error.message()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::vector<Certificate>> ChainIn(const std::string& folder) {
  const std::string path = SwapPath(folder, "ca.pem");
  if (!PathExists(path)) return std::vector<Certificate>();
  return LoadCertificatesPem(path, kMaxChain);
}

absl::StatusOr<Json> RowOf(const Config& config, const StatePaths& paths,
                           const std::string& name) {
  const std::string folder = FolderOfCa(paths.folder, name);
  absl::StatusOr<std::vector<Certificate>> chain = ChainIn(folder);
  if (!chain.ok()) return chain.status();
  Json row;
  row["name"] = name;
  row["subject"] = chain->empty() ? "" : chain->front().subject.ToText();
  row["root"] = chain->empty() ? "" : chain->back().subject.ToText();
  row["not_after"] = chain->empty() ? "" : UtcText(chain->front().not_after);
  row["key_type"] = chain->empty() ? "" : KeyTypeText(chain->front());
  row["key_storage"] = StorageText(folder);
  row["labels"] = LabelsOf(config, name);
  row["state"] = chain->empty() ? "waits for its certificate" : "ready";
  return row;
}

}  // namespace

int CaListCommand(const Console& console, const CommandLine& line) {
  const StatePaths paths(line.state_dir());
  absl::StatusOr<Config> config = LoadConfig(paths);
  if (!config.ok()) return Report(console, kExitState, config.status());
  absl::StatusOr<std::vector<std::string>> names = NamesOf(paths);
  if (!names.ok()) return Report(console, kExitState, names.status());
  Json list = Json::array();
  for (const std::string& name : *names) {
    absl::StatusOr<Json> row = RowOf(*config, paths, name);
    if (!row.ok()) return Report(console, kExitState, row.status());
    list.push_back(*std::move(row));
  }
  if (line.IsOn("json")) {
    console.out << JsonPage(list);
    return kExitOk;
  }
  console.out << absl::StrFormat("%-16s %-6s %-10s %-20s %-10s %s\n", "NAME",
                                 "KEY", "KIND", "UNTIL", "LABELS", "SUBJECT");
  for (const Json& row : list) {
    std::vector<std::string> labels;
    for (const Json& label : row["labels"]) labels.push_back(label);
    const std::string until = TextOf(row, "not_after");
    console.out << absl::StrFormat(
        "%-16s %-6s %-10s %-20s %-10s %s\n", TextOf(row, "name"),
        TextOf(row, "key_storage"), TextOf(row, "key_type"),
        until.empty() ? "-" : until,
        labels.empty() ? "-" : absl::StrJoin(labels, ","),
        until.empty() ? TextOf(row, "state") : TextOf(row, "subject"));
  }
  return kExitOk;
}

int CaShowCommand(const Console& console, const CommandLine& line) {
  absl::StatusOr<CaPlace> place = CaPlaceOf(line, line.argument());
  if (!place.ok()) {
    return Report(
        console,
        absl::IsInvalidArgument(place.status()) ? kExitUsage : kExitState,
        place.status());
  }
  if (!PathExists(place->folder)) {
    return Report(console, kExitState,
                  absl::NotFoundError(
                      absl::StrCat(place->folder,
                                   " is not there: `bestow-server ca list` "
                                   "says which CAs are")));
  }
  absl::StatusOr<std::vector<Certificate>> chain = ChainIn(place->folder);
  if (!chain.ok()) return Report(console, kExitState, chain.status());
  Json out;
  out["folder"] = place->folder;
  out["key_storage"] = StorageText(place->folder);
  out["chain"] = Json::array();
  for (const Certificate& certificate : *chain) {
    out["chain"].push_back(JsonOf(certificate));
  }
  if (line.IsOn("json")) {
    console.out << JsonPage(out);
    return kExitOk;
  }
  console.out << "folder        " << place->folder << "\nkey kept in   "
              << TextOf(out, "key_storage") << "\n";
  if (chain->empty()) {
    console.out << "waits for its certificate: `bestow-server ca import`\n";
  }
  for (const Json& certificate : out["chain"]) {
    PrintCertificate(console, certificate);
  }
  return kExitOk;
}

}  // namespace bestow::server
