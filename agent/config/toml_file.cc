#include "agent/config/toml_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace bestow::agent {
namespace {

std::string FullKey(std::string_view section, std::string_view key) {
  return section.empty() ? std::string(key) : absl::StrCat(section, ".", key);
}

// Levenshtein's distance.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view NearestWord(std::string_view word,
                             const std::vector<std::string_view>& known) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (std::string_view candidate : known) {
    const size_t distance = Distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

absl::StatusOr<TomlFile> TomlFile::Parse(std::string_view text,
                                         std::string name) {
  toml::parse_result result = toml::parse(text);
  if (!result) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ":", result.error().source().begin.line, ": ",
                     result.error().description()));
  }
  return TomlFile(std::move(result).table(), std::move(name));
}

const toml::table* TomlFile::Section(std::string_view section) const {
  const toml::table* table = &table_;
  if (section.empty()) return table;
  for (std::string_view part : absl::StrSplit(section, '.')) {
    const toml::node* node = table->get(part);
    table = node == nullptr ? nullptr : node->as_table();
    if (table == nullptr) break;
  }
  return table;
}

std::vector<std::string> TomlFile::Keys(std::string_view section) const {
  std::vector<std::string> keys;
  const toml::table* table = Section(section);
  if (table == nullptr) return keys;
  for (const auto& [key, value] : *table) keys.emplace_back(key.str());
  return keys;
}

const toml::node* TomlFile::Find(std::string_view section,
                                 std::string_view key) const {
  const toml::table* table = Section(section);
  return table == nullptr ? nullptr : table->get(key);
}

void TomlFile::Mistake(std::string_view section, std::string_view key,
                       std::string_view why) {
  if (!status_.ok()) return;
  const toml::node* node = Find(section, key);
  if (node == nullptr) node = Section(section);
  std::string where = name_;
  if (node != nullptr && node->source().begin.line != 0) {
    absl::StrAppend(&where, ":", node->source().begin.line);
  }
  status_ = absl::InvalidArgumentError(
      absl::StrCat(where, ": ", FullKey(section, key), ": ", why));
}

void TomlFile::ExpectKeys(std::string_view section,
                          const std::vector<std::string_view>& known) {
  const size_t dot = section.rfind('.');
  const bool is_deep = dot != section.npos;
  const std::string_view parent = is_deep ? section.substr(0, dot) : "";
  const std::string_view name = is_deep ? section.substr(dot + 1) : section;
  const toml::table* table = Section(section);
  if (!section.empty() && table == nullptr && Has(parent, name)) {
    Mistake(parent, name, absl::StrCat("must be a section: [", section, "]"));
    return;
  }
  if (table == nullptr) return;
  for (const auto& [key, value] : *table) {
    if (std::find(known.begin(), known.end(), key.str()) != known.end()) {
      continue;
    }
    const std::string_view nearest = NearestWord(key.str(), known);
    Mistake(section, key.str(),
            nearest.empty()
                ? "unknown key"
                : absl::StrCat("unknown key; did you mean \"", nearest, "\"?"));
  }
}

std::optional<std::string> TomlFile::String(std::string_view section,
                                            std::string_view key) {
  const toml::node* node = Find(section, key);
  if (node == nullptr) return std::nullopt;
  if (auto value = node->value_exact<std::string>()) return value;
  Mistake(section, key, "must be a string in quotes");
  return std::nullopt;
}

std::optional<double> TomlFile::Number(std::string_view section,
                                       std::string_view key) {
  const toml::node* node = Find(section, key);
  if (node == nullptr) return std::nullopt;
  if (node->is_number()) return node->value<double>();
  Mistake(section, key, "must be a number");
  return std::nullopt;
}

std::optional<bool> TomlFile::Bool(std::string_view section,
                                   std::string_view key) {
  const toml::node* node = Find(section, key);
  if (node == nullptr) return std::nullopt;
  if (auto value = node->value_exact<bool>()) return value;
  Mistake(section, key, "must be true or false");
  return std::nullopt;
}

std::optional<absl::Duration> TomlFile::Duration(std::string_view section,
                                                 std::string_view key) {
  std::optional<std::string> text = String(section, key);
  if (!text) return std::nullopt;
  absl::Duration value;
  if (absl::ParseDuration(*text, &value)) return value;
  Mistake(section, key, "must be a time span such as \"5s\", \"10m\", \"1h\"");
  return std::nullopt;
}

std::optional<std::vector<std::string>> TomlFile::Strings(
    std::string_view section, std::string_view key) {
  const toml::node* node = Find(section, key);
  if (node == nullptr) return std::nullopt;
  const toml::array* array = node->as_array();
  std::vector<std::string> values;
  if (array != nullptr) {
    for (const toml::node& item : *array) {
      if (auto value = item.value_exact<std::string>()) {
        values.push_back(*std::move(value));
      }
    }
    if (values.size() == array->size()) return values;
  }
  Mistake(section, key, "must be a list of strings: [\"a\", \"b\"]");
  return std::nullopt;
}

std::string TomlFile::RequiredString(std::string_view section,
                                     std::string_view key) {
  std::optional<std::string> value = String(section, key);
  if (!value || value->empty()) {
    Mistake(section, key, "must be given");
    return "";
  }
  return *std::move(value);
}

}  // namespace bestow::agent
