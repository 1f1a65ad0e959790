#include "server/config/value_readers.h"

#include "server/config/known_names.h"
#include "server/config/name_template.h"

namespace bestow::server {

bool ReadNames(TomlReader& toml, std::string_view key,
               std::vector<std::string>* names,
               const std::function<absl::Status(const std::string&)>& take) {
  if (!toml.ReadTexts(key, names)) return false;
  for (const std::string& name : *names) {
    absl::Status status = take(name);
    if (!status.ok()) toml.Complain(key, status.message());
  }
  return true;
}

bool ReadKeyUsage(TomlReader& toml, uint32_t* key_usage) {
  std::vector<uint32_t> bits;
  const bool there = toml.Has("key_usage");
  ReadValues<uint32_t>(toml, "key_usage", KeyUsageByName, &bits);
  if (!there) return false;
  *key_usage = 0;
  for (uint32_t bit : bits) *key_usage |= bit;
  return true;
}

void ReadSans(TomlReader& toml, std::vector<std::string>* sans) {
  ReadNames(toml, "sans", sans, [](const std::string& san) {
    return RenderSan(san, kSampleIdentity).status();
  });
}

absl::StatusOr<KeyType> DeviceKeyTypeByName(std::string_view name) {
  absl::StatusOr<KeyType> type = KeyTypeByName(name);
  if (type.ok() && *type == KeyType::kEd25519) {
    return absl::InvalidArgumentError(
        "\"ed25519\" is for CAs: EST clients can't use it in TLS");
  }
  return type;
}

}  // namespace bestow::server
