// What one identity is told: by its own section, else by the one that all
// identities share.
#ifndef AGENT_CONFIG_SETTINGS_H_
#define AGENT_CONFIG_SETTINGS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "agent/config/toml_file.h"

namespace bestow::agent {

// Reads keys as TomlFile does. `file` must outlive it.
class Settings {
 public:
  // Of one section alone.
  Settings(TomlFile& file, std::string section)
      : file_(file), shared_(std::move(section)) {}
  // `own` overrides `shared` key by key.
  Settings(TomlFile& file, std::string own, std::string shared)
      : file_(file), own_(std::move(own)), shared_(std::move(shared)) {}

  // The keys are alternatives or belong together: where the own section has
  // one of them, the shared ones count for nothing.
  void KeepTogether(std::vector<std::string_view> keys);

  std::optional<std::string> String(std::string_view key) {
    return file_.String(SectionOf(key), key);
  }
  std::optional<double> Number(std::string_view key) {
    return file_.Number(SectionOf(key), key);
  }
  std::optional<bool> Bool(std::string_view key) {
    return file_.Bool(SectionOf(key), key);
  }
  std::optional<absl::Duration> Duration(std::string_view key) {
    return file_.Duration(SectionOf(key), key);
  }
  std::optional<std::vector<std::string>> Strings(std::string_view key) {
    return file_.Strings(SectionOf(key), key);
  }
  std::string RequiredString(std::string_view key) {
    return file_.RequiredString(SectionOf(key), key);
  }
  void Mistake(std::string_view key, std::string_view why) {
    file_.Mistake(SectionOf(key), key, why);
  }
  // The own section gives it, not the shared one.
  bool IsOwn(std::string_view key) const {
    return !own_.empty() && file_.Has(own_, key);
  }

 private:
  const std::string& SectionOf(std::string_view key) const;

  TomlFile& file_;
  const std::string own_;  // "": there is none
  const std::string shared_;
  std::vector<std::string_view> together_;
};

}  // namespace bestow::agent

#endif  // AGENT_CONFIG_SETTINGS_H_
