#include "server/config/toml_reader.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/duration.h"
#include "toml++/toml.h"

namespace bestow::server {
namespace {

// Levenshtein's distance, for "did you mean".
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1,
                         diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
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
};

void TomlReader::Impl::FindUnknown(const toml::table& table,
                                   const std::string& path) {
  const auto& keys = known[path];
  for (const auto& [key, node] : table) {
    const std::string_view name = key.str();
    if (keys.find(name) != keys.end()) {
      const std::string below = absl::StrCat(path, name, ".");
      if (node.is_table() && known.count(below) != 0) {
        FindUnknown(*node.as_table(), below);
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
  const toml::table* outer = impl_->current;
  const std::string outer_path = impl_->current_path;
  if (node != nullptr && !node->is_table()) {
    impl_->Complain(*node, key, absl::StrCat("is a table: write [", key, "]"));
  }
  impl_->current = node == nullptr ? nullptr : node->as_table();
  absl::StrAppend(&impl_->current_path, key, ".");
  read();
  impl_->current = outer;
  impl_->current_path = outer_path;
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

void TomlReader::ReadText(std::string_view key, std::string* value) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return;
  if (!node->is_string()) {
    return impl_->Complain(*node, key, "must be a string");
  }
  *value = node->as_string()->get();
}

void TomlReader::ReadTexts(std::string_view key,
                           std::vector<std::string>* values) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return;
  std::vector<std::string> found;
  bool good = node->is_array();
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
    return impl_->Complain(*node, key,
                           "must be a list of strings, like [\"a\", \"b\"]");
  }
  *values = std::move(found);
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
  impl_->Complain(node != nullptr ? *node : impl_->root, key, what);
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
