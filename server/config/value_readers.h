// Values that more than one table of the config has.
#ifndef SERVER_CONFIG_VALUE_READERS_H_
#define SERVER_CONFIG_VALUE_READERS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/crypto/key_type.h"
#include "server/config/toml_reader.h"

namespace bestow::server {

// A template must make a name of an ordinary identity.
inline constexpr char kSampleIdentity[] = "gw-17";

// Reads a list of names and gives each to `take`, which may refuse it. False
// when the key is not there.
bool ReadNames(TomlReader& toml, std::string_view key,
               std::vector<std::string>* names,
               const std::function<absl::Status(const std::string&)>& take);

// The same for names that stand for values: `values` is replaced as a whole.
template <typename T>
void ReadValues(TomlReader& toml, std::string_view key,
                const std::function<absl::StatusOr<T>(std::string_view)>& parse,
                std::vector<T>* values) {
  std::vector<std::string> names;
  std::vector<T> found;
  const bool there = ReadNames(toml, key, &names, [&](const std::string& name) {
    absl::StatusOr<T> value = parse(name);
    if (value.ok()) found.push_back(*std::move(value));
    return value.status();
  });
  if (there) *values = std::move(found);
}

template <typename T>
void ReadEnum(TomlReader& toml, std::string_view key,
              const std::vector<std::pair<std::string_view, T>>& choices,
              T* value) {
  std::vector<std::string_view> names;
  for (const auto& [name, choice] : choices) names.push_back(name);
  int index = -1;
  toml.ReadChoice(key, names, &index);
  if (index >= 0) *value = choices[static_cast<size_t>(index)].second;
}

// "key_usage"; false when it is not there.
bool ReadKeyUsage(TomlReader& toml, uint32_t* key_usage);
// "sans": templates.
void ReadSans(TomlReader& toml, std::vector<std::string>* sans);
// One that EST clients can have.
absl::StatusOr<KeyType> DeviceKeyTypeByName(std::string_view name);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_VALUE_READERS_H_
