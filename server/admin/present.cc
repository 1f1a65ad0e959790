#include "server/admin/present.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bestow::server {
namespace {

constexpr std::string_view kGap = "  ";
constexpr std::string_view kCut = "..";
constexpr size_t kLeastWidth = 8;
constexpr std::string_view kWithoutLabel = ".";

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// In characters: UTF-8 is what comes out of JSON.
size_t WidthOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

std::string Fitted(const std::string& text, size_t width) {
  const size_t has = WidthOf(text);
  if (has <= width) return absl::StrCat(text, std::string(width - has, ' '));
  size_t end = 0;
  for (size_t taken = 0; end < text.size(); ++end) {
    if (!IsContinuation(text[end]) && taken++ == width - kCut.size()) break;
  }
  return absl::StrCat(text.substr(0, end), kCut);
}

std::string Printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = '?';
  }
  return out;
}

const Json& MemberOf(const Json& row, const std::string& name) {
  static const auto* const kNull = new Json();
  if (!row.is_object()) return *kNull;
  const auto found = row.find(name);
  return found == row.end() ? *kNull : *found;
}

bool IsRows(const Json& value) {
  return value.is_array() && !value.empty() && value[0].is_object();
}

bool IsLongText(const Json& value) {
  return value.is_string() &&
         absl::StrContains(value.get_ref<const std::string&>(), '\n');
}

void PrintLine(std::string line, std::ostream& out) {
  absl::StripTrailingAsciiWhitespace(&line);
  out << line << "\n";
}

}  // namespace

std::string CellText(std::string_view name, const Json& value) {
  const bool is_label = name == "label" || name == "labels";
  if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    if (text.empty()) return std::string(is_label ? kWithoutLabel : "-");
    return Printable(text);
  }
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_null()) return "-";
  if (value.is_array()) {
    std::vector<std::string> texts;
    for (const Json& item : value) texts.push_back(CellText(name, item));
    return texts.empty() ? "-" : absl::StrJoin(texts, ", ");
  }
  return Printable(JsonLine(value));
}

Table::Table(std::string_view columns) {
  for (std::string_view text :
       absl::StrSplit(columns, ' ', absl::SkipEmpty())) {
    Column column;
    column.whole = absl::ConsumeSuffix(&text, "!");
    const std::pair<std::string_view, std::string_view> names =
        absl::StrSplit(text, absl::MaxSplits('=', 1));
    column.member = std::string(names.first);
    column.heading = absl::AsciiStrToUpper(names.second.empty() ? names.first
                                                                : names.second);
    column.width = column.heading.size();
    columns_.push_back(std::move(column));
  }
}

void Table::Fit() {
  const auto total = [this] {
    size_t width = kGap.size() * (columns_.size() - 1);
    for (const Column& column : columns_) width += column.width;
    return width;
  };
  while (total() > kTableWidth) {
    Column* widest = nullptr;
    for (Column& column : columns_) {
      if (!column.whole && column.width > kLeastWidth &&
          (widest == nullptr || column.width > widest->width)) {
        widest = &column;
      }
    }
    if (widest == nullptr) return;
    --widest->width;
  }
}

void Table::Print(const Json& rows, std::ostream& out) {
  std::vector<std::vector<std::string>> cells;
  for (const Json& row : rows) {
    std::vector<std::string> line;
    for (Column& column : columns_) {
      line.push_back(CellText(column.member, MemberOf(row, column.member)));
      column.width = std::max(column.width, WidthOf(line.back()));
    }
    cells.push_back(std::move(line));
  }
  Fit();
  const auto print = [&](const auto& text_of) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      absl::StrAppend(&line, i == 0 ? "" : kGap,
                      Fitted(text_of(i), columns_[i].width));
    }
    PrintLine(std::move(line), out);
  };
  if (!std::exchange(headed_, true)) {
    print([&](size_t i) -> const std::string& { return columns_[i].heading; });
  }
  for (const std::vector<std::string>& line : cells) {
    print([&](size_t i) -> const std::string& { return line[i]; });
  }
}

void PrintObject(const Json& object, std::ostream& out) {
  size_t width = 0;
  for (const auto& [name, value] : object.items()) {
    if (!IsRows(value) && !IsLongText(value)) {
      width = std::max(width, name.size());
    }
  }
  for (const auto& [name, value] : object.items()) {
    if (IsRows(value) || IsLongText(value)) continue;
    std::string words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    PrintLine(absl::StrCat(Fitted(words, width), kGap, CellText(name, value)),
              out);
  }
  for (const auto& [name, value] : object.items()) {
    if (IsLongText(value)) out << value.get_ref<const std::string&>();
    if (!IsRows(value)) continue;
    std::vector<std::string> members;
    for (const auto& [member, ignored] : value[0].items()) {
      members.push_back(member);
    }
    out << "\n" << name << ":\n";
    Table(absl::StrJoin(members, " ")).Print(value, out);
  }
}

}  // namespace bestow::server
