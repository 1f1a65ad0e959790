#include "server/config/toml_reader.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/edit_distance.h"
#include "server/config/duration.h"
#include "toml++/toml.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxTables = 256;
constexpr size_t kMaxListItems = 256;

// As it stands in a path: "profile", but "\"a.b\"" for a name with a dot.
std::string PathPart(std::string_view key) {
  const bool bare = std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' ||
           c == '-';
  });
  return bare ? std::string(key) : absl::StrCat("\"", absl::CEscape(key), "\"");
}

}  // namespace

struct TomlReader::Impl {
  std::string file;
  toml::table root;
  const toml::table* current = nullptr;  // null: the table is not there
  std::string current_path;              // "profile."
  // Table path -> keys that were asked for.
  std::map<std::string, std::set<std::string, std::less<>>> known;
  // By line, in the order of the file.
  std::multimap<uint32_t, std::string> mistakes;

  const toml::node* Find(std::string_view key) {
    known[current_path].emplace(key);
    return current == nullptr ? nullptr : current->get(key);
  }
  void Complain(const toml::node& at, std::string_view key,
                std::string_view what) {
    const uint32_t line = at.source().begin.line;
    mistakes.emplace(line, absl::StrCat(file, ":", line, ": ", current_path,
                                        key, ": ", what));
  }
  void FindUnknown(const toml::table& table, const std::string& path);
  // Runs `read` with `table` as the current one.
  void Enter(const toml::table* table, std::string_view key,
             const std::function<void()>& read) {
    const toml::table* outer = current;
    const std::string outer_path = current_path;
    current = table;
    absl::StrAppend(&current_path, PathPart(key), ".");
    read();
    current = outer;
    current_path = outer_path;
  }
};

void TomlReader::Impl::FindUnknown(const toml::table& table,
                                   const std::string& path) {
  const auto& keys = known[path];
  for (const auto& [key, node] : table) {
    const std::string_view name = key.str();
    if (keys.find(name) != keys.end()) {
      const std::string below = absl::StrCat(path, PathPart(name), ".");
      if (known.count(below) == 0) continue;
      if (node.is_table()) FindUnknown(*node.as_table(), below);
      if (node.is_array()) {
        for (const toml::node& item : *node.as_array()) {
          if (item.is_table()) FindUnknown(*item.as_table(), below);
        }
      }
      continue;
    }
    std::string message = absl::StrCat(file, ":", key.source().begin.line,
                                       ": unknown key ", path, name);
    const auto nearest =
        std::min_element(keys.begin(), keys.end(),
                         [name](const std::string& a, const std::string& b) {
                           return EditDistance(name, a) < EditDistance(name, b);
                         });
    if (nearest != keys.end() &&
        EditDistance(name, *nearest) <= std::max<size_t>(2, name.size() / 3)) {
      absl::StrAppend(&message, "; did you mean ", *nearest, "?");
    } else {
      absl::StrAppend(&message, "; known here: ", absl::StrJoin(keys, ", "));
    }
    mistakes.emplace(key.source().begin.line, message);
  }
}

absl::StatusOr<std::unique_ptr<TomlReader>> TomlReader::Parse(
    std::string_view text, const std::string& file) {
  toml::parse_result result = toml::parse(text, std::string_view(file));
  if (!result) {
    const toml::parse_error& error = result.error();
    return absl::InvalidArgumentError(
        absl::StrCat(file, ":", error.source().begin.line, ": ",
                     std::string_view(error.description())));
  }
  auto impl = std::make_unique<Impl>();
  impl->file = file;
  impl->root = std::move(result).table();
  impl->current = &impl->root;
  return std::unique_ptr<TomlReader>(new TomlReader(std::move(impl)));
}

TomlReader::TomlReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TomlReader::~TomlReader() = default;

void TomlReader::InTable(std::string_view key,
                         const std::function<void()>& read) {
  const toml::node* node = impl_->Find(key);
  if (node != nullptr && !node->is_table()) {
    impl_->Complain(*node, key, absl::StrCat("is a table: write [", key, "]"));
  }
  impl_->Enter(node == nullptr ? nullptr : node->as_table(), key, read);
}

void TomlReader::InTables(std::string_view key,
                          const std::function<void()>& read) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return;
  const toml::array* array = node->as_array();
  const bool good =
      array != nullptr && array->size() <= kMaxTables &&
      std::all_of(array->begin(), array->end(),
                  [](const toml::node& item) { return item.is_table(); });
  if (!good) {
    return impl_->Complain(
        *node, key,
        absl::StrCat("is a list of at most ", kMaxTables, " tables: write [[",
                     impl_->current_path, key, "]]"));
  }
  for (const toml::node& item : *array) {
    impl_->Enter(item.as_table(), key, read);
  }
}

void TomlReader::InNamedTables(
    std::string_view key,
    const std::function<void(const std::string& name)>& read) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return;
  const toml::table* tables = node->as_table();
  if (tables == nullptr || tables->size() > kMaxTables) {
    return impl_->Complain(*node, key,
                           absl::StrCat("is a table of at most ", kMaxTables,
                                        " tables: write [", key, ".NAME]"));
  }
  impl_->Enter(tables, key, [&] {
    for (const auto& [name, value] : *tables) {
      const std::string copy(name.str());
      InTable(copy, [&] { read(copy); });
    }
  });
}

bool TomlReader::Has(std::string_view key) {
  return impl_->Find(key) != nullptr;
}

void TomlReader::ReadBool(std::string_view key, bool* value) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return;
  if (!node->is_boolean()) {
    return impl_->Complain(*node, key, "must be true or false");
  }
  *value = node->as_boolean()->get();
}

void TomlReader::ReadInt(std::string_view key, int min, int max, int* value) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return;
  if (!node->is_integer()) {
    return impl_->Complain(*node, key, "must be an integer");
  }
  const int64_t found = node->as_integer()->get();
  if (found < min || found > max) {
    return impl_->Complain(
        *node, key,
        absl::StrCat("is ", found, "; must be from ", min, " to ", max));
  }
  *value = static_cast<int>(found);
}

void TomlReader::ReadNumber(std::string_view key, double min, double max,
                            double* value) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return;
  const std::optional<double> found = node->value<double>();
  if (!node->is_number() || !found.has_value()) {
    return impl_->Complain(*node, key, "must be a number");
  }
  // Not a number is in no range.
  if (!(*found >= min && *found <= max)) {
    return impl_->Complain(*node, key,
                           absl::StrCat("must be from ", min, " to ", max));
  }
  *value = *found;
}

void TomlReader::ReadDuration(std::string_view key, absl::Duration min,
                              absl::Duration max, absl::Duration* value) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return;
  std::optional<absl::Duration> found;
  if (node->is_string()) found = ParseDurationText(node->as_string()->get());
  if (!found.has_value()) {
    return impl_->Complain(
        *node, key, "must be a duration like \"90d\", \"12h\" or \"5m\"");
  }
  if (*found < min || *found > max) {
    return impl_->Complain(
        *node, key,
        absl::StrCat("must be from ", absl::FormatDuration(min), " to ",
                     absl::FormatDuration(max)));
  }
  *value = *found;
}

bool TomlReader::ReadText(std::string_view key, std::string* value) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return false;
  if (!node->is_string()) {
    impl_->Complain(*node, key, "must be a string");
    return false;
  }
  *value = node->as_string()->get();
  return true;
}

bool TomlReader::ReadTexts(std::string_view key,
                           std::vector<std::string>* values) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return false;
  std::vector<std::string> found;
  bool good = node->is_array() && node->as_array()->size() <= kMaxListItems;
  if (good) {
    for (const toml::node& item : *node->as_array()) {
      if (item.is_string()) {
        found.push_back(item.as_string()->get());
      } else {
        good = false;
      }
    }
  }
  if (!good) {
    impl_->Complain(*node, key,
                    "must be a list of strings, like [\"a\", \"b\"]");
    return false;
  }
  *values = std::move(found);
  return true;
}

void TomlReader::ReadChoice(std::string_view key,
                            const std::vector<std::string_view>& choices,
                            int* index) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return;
  if (node->is_string()) {
    const auto it =
        std::find(choices.begin(), choices.end(), node->as_string()->get());
    if (it != choices.end()) {
      *index = static_cast<int>(it - choices.begin());
      return;
    }
  }
  impl_->Complain(*node, key,
                  absl::StrCat("must be one of \"",
                               absl::StrJoin(choices, "\", \""), "\""));
}

void TomlReader::Complain(std::string_view key, std::string_view what) {
  const toml::node* node = impl_->Find(key);
  const toml::table& table =
      impl_->current != nullptr ? *impl_->current : impl_->root;
  impl_->Complain(node != nullptr ? *node : table, key, what);
}

void TomlReader::ComplainOfTable(std::string_view what) {
  const toml::table& table =
      impl_->current != nullptr ? *impl_->current : impl_->root;
  const uint32_t line = table.source().begin.line;
  std::string_view path = impl_->current_path;
  path.remove_suffix(path.empty() ? 0 : 1);
  impl_->mistakes.emplace(
      line, absl::StrCat(impl_->file, ":", line, ": ", path, ": ", what));
}

absl::Status TomlReader::Finish() {
  impl_->FindUnknown(impl_->root, "");
  if (impl_->mistakes.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(
      impl_->mistakes, "\n", [](std::string* out, const auto& mistake) {
        absl::StrAppend(out, mistake.second);
      }));
}

}  // namespace bestow::server
