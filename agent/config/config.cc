#include "agent/config/config.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/config/toml_file.h"
#include "common/base/file.h"
#include "common/tpm/parent.h"

namespace bestow::agent {
namespace {

constexpr size_t kMaxConfigBytes = 64 * 1024;
constexpr size_t kMaxSecretBytes = 4 * 1024;
// A device has a few; each has a folder, connections and timers.
constexpr size_t kMaxIdentities = 64;

void ReadIdentities(TomlFile& file, Config* config) {
  if (!file.Has("", "identities")) {
    config->identities.push_back(ReadDefaultIdentity(file));
    return;
  }
  if (file.Has("", "identity")) {
    file.Mistake("", "identity",
                 "beside [identities.NAME] there can't be [identity]");
    return;
  }
  const std::vector<std::string> names = file.Keys("identities");
  if (names.empty() || names.size() > kMaxIdentities) {
    file.Mistake("", "identities",
                 absl::StrCat("must have 1 to ", kMaxIdentities,
                              " sections [identities.NAME]"));
    return;
  }
  for (const std::string& name : names) {
    if (absl::Status s = CheckIdentityName(name); !s.ok()) {
      file.Mistake("identities", name, s.message());
      return;
    }
    config->identities.push_back(ReadNamedIdentity(file, name));
  }
}

}  // namespace

absl::StatusOr<Config> ParseConfigToml(std::string_view text,
                                       std::string name) {
  auto file = TomlFile::Parse(text, std::move(name));
  if (!file.ok()) return file.status();
  file->ExpectKeys("", {"state_dir", "server", "tpm", "identity", "identities",
                        "renewal", "server_keys"});
  file->ExpectKeys("tpm", {"tcti", "parent"});

  Config config;
  config.state_dir = file->String("", "state_dir").value_or(config.state_dir);
  if (config.state_dir.empty() || config.state_dir[0] != '/') {
    file->Mistake("", "state_dir", "must be an absolute path");
  }
  config.tpm.tcti = file->String("tpm", "tcti").value_or(config.tpm.tcti);
  if (config.tpm.tcti.empty()) {
    file->Mistake("tpm", "tcti",
                  "must be such as \"device:/dev/tpmrm0\" or "
                  "\"swtpm:path=/run/swtpm.sock\"");
  }
  if (const auto text = file->String("tpm", "parent")) {
    auto parent = ParseTpmParent(*text);
    if (!parent.ok()) file->Mistake("tpm", "parent", parent.status().message());
    config.tpm.parent = parent.value_or(kParentOwner);
  }
  ReadIdentities(*file, &config);
  if (!file->status().ok()) return file->status();
  return config;
}

absl::StatusOr<const IdentityConfig*> FindIdentity(const Config& config,
                                                   std::string_view name) {
  if (name.empty() && config.identities.size() == 1) {
    return &config.identities.front();
  }
  const std::string_view wanted = name.empty() ? kDefaultIdentity : name;
  std::vector<std::string_view> known;
  for (const IdentityConfig& identity : config.identities) {
    if (identity.name == wanted) return &identity;
    known.push_back(identity.name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      name.empty() ? std::string("there are several identities, say which")
                   : absl::StrCat("the config has no identity \"", name, "\""),
      ": ", absl::StrJoin(known, ", ")));
}

absl::StatusOr<Config> ReadConfigFile(const std::string& path) {
  auto text = ReadFile(path, kMaxConfigBytes);
  if (!text.ok()) return text.status();
  return ParseConfigToml(*text, path);
}

absl::StatusOr<Secret> ReadSecretFile(const std::string& path) {
  auto text = ReadFile(path, kMaxSecretBytes);
  if (!text.ok()) return text.status();
  std::string_view trimmed = *text;
  while (!trimmed.empty() &&
         (trimmed.back() == '\n' || trimmed.back() == '\r')) {
    trimmed.remove_suffix(1);
  }
  Secret secret(trimmed);
  Cleanse(text->data(), text->size());
  if (secret.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the secret file ", path, " is empty"));
  }
  return secret;
}

absl::StatusOr<KeyProtection> ReadKeyProtection(
    const IdentityConfig& identity) {
  KeyProtection out{.no_da = identity.key_no_da, .pcrs = identity.key_pcrs};
  if (identity.key_auth_file.empty()) return out;
  auto auth = ReadSecretFile(identity.key_auth_file);
  if (!auth.ok()) return auth.status();
  if (auth->bytes().size() > kMaxAuthBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(identity.key_auth_file, ": a key's password has at most ",
                     kMaxAuthBytes, " octets"));
  }
  out.auth = std::make_shared<const Secret>(*std::move(auth));
  return out;
}

}  // namespace bestow::agent
