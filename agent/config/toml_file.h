// Reads a TOML file's known keys, and says where a mistake is.
#ifndef AGENT_CONFIG_TOML_FILE_H_
#define AGENT_CONFIG_TOML_FILE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "toml++/toml.h"

namespace bestow::agent {

// The first mistake sticks and is what status() returns: "agent.toml:7:
// server.ulr: unknown key; did you mean \"url\"?". A section is named by its
// path, "identities.gw.server", whose parts hold no dot; "" is the top.
class TomlFile {
 public:
  // kInvalidArgument for text that is not TOML, with its line.
  static absl::StatusOr<TomlFile> Parse(std::string_view text,
                                        std::string name);

  // The section, if it is there, must be one, and every key of it among
  // `known`.
  void ExpectKeys(std::string_view section,
                  const std::vector<std::string_view>& known);

  bool Has(std::string_view section, std::string_view key) const {
    return Find(section, key) != nullptr;
  }
  bool HasSection(std::string_view section) const {
    return Section(section) != nullptr;
  }
  // Of a section, in alphabetical order; none of one that is not there.
  std::vector<std::string> Keys(std::string_view section) const;

  // Absent keys are nullopt; a wrong type is a mistake.
  std::optional<std::string> String(std::string_view section,
                                    std::string_view key);
  std::optional<double> Number(std::string_view section, std::string_view key);
  std::optional<bool> Bool(std::string_view section, std::string_view key);
  std::optional<absl::Duration> Duration(std::string_view section,
                                         std::string_view key);
  std::optional<std::vector<std::string>> Strings(std::string_view section,
                                                  std::string_view key);
  // As String, but an absent or empty one is a mistake. "" then.
  std::string RequiredString(std::string_view section, std::string_view key);

  // Records a mistake in a value, or in a section that lacks it.
  void Mistake(std::string_view section, std::string_view key,
               std::string_view why);
  const absl::Status& status() const { return status_; }

 private:
  TomlFile(toml::table table, std::string name)
      : table_(std::move(table)), name_(std::move(name)) {}
  const toml::table* Section(std::string_view section) const;
  const toml::node* Find(std::string_view section, std::string_view key) const;

  toml::table table_;
  std::string name_;
  absl::Status status_;
};

// The word of `known` that `word` is most likely a misspelling of; "" when
// none is near.
std::string_view NearestWord(std::string_view word,
                             const std::vector<std::string_view>& known);

}  // namespace bestow::agent

#endif  // AGENT_CONFIG_TOML_FILE_H_
