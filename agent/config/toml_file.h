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
// server.ulr: unknown key; did you mean \"url\"?".
class TomlFile {
 public:
  // kInvalidArgument for text that is not TOML, with its line.
  static absl::StatusOr<TomlFile> Parse(std::string_view text,
                                        std::string name);

  // Every key of the section ("" is the top) must be among `known`.
  void ExpectKeys(std::string_view section,
                  const std::vector<std::string_view>& known);

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

  // Records a mistake in a value.
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
