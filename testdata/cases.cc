#include "testdata/cases.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/crypto/base64.h"

namespace bestow::testdata {
namespace {

std::filesystem::path FolderOf(std::string_view format) {
  const char* root = std::getenv("TEST_SRCDIR");
  CHECK(root != nullptr) << "TEST_SRCDIR is not set";
  return std::filesystem::path(root) / "bestow" / "testdata" /
         std::string(format);
}

Case LoadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)),
                         std::istreambuf_iterator<char>());
  std::optional<Case> loaded = ParseCase(path.stem().string(), text);
  CHECK(loaded.has_value()) << path << " is not an annotated case";
  return *std::move(loaded);
}

}  // namespace

std::optional<Case> ParseCase(std::string_view name, std::string_view text) {
  Case out;
  out.name = std::string(name);
  bool is_text = false, has_expectation = false;
  while (!is_text && absl::StartsWith(text, "#")) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line =
        absl::StripPrefix(text.substr(1, end - 1), " ");
    text.remove_prefix(end + 1);
    if (out.description.empty()) {
      out.description = std::string(line);
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view key = line.substr(0, colon);
    std::string_view value = absl::StripPrefix(line.substr(colon + 1), " ");
    if (key == "expect") {
      has_expectation = true;
      out.accept = value == "accept";
      if (!out.accept && !absl::ConsumePrefix(&value, "reject")) {
        return std::nullopt;
      }
      if (!out.accept) out.reason = std::string(absl::StripPrefix(value, " "));
    } else if (key == "encoding") {
      if (value != "text") return std::nullopt;
      is_text = true;
    } else {
      out.notes[std::string(key)] = std::string(value);
    }
  }
  if (!has_expectation || out.description.empty()) return std::nullopt;
  if (is_text) {
    out.data = ToBytes(AsBytes(text));
    return out;
  }
  absl::StatusOr<Bytes> data = DecodeBase64(text);
  if (!data.ok()) return std::nullopt;
  out.data = *std::move(data);
  return out;
}

std::vector<Case> LoadCases(std::string_view format) {
  std::vector<Case> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(FolderOf(format))) {
    CHECK(entry.path().extension() == ".txt") << entry.path();
    out.push_back(LoadFile(entry.path()));
  }
  CHECK(!out.empty()) << "no cases of " << format;
  std::sort(out.begin(), out.end(),
            [](const Case& a, const Case& b) { return a.name < b.name; });
  return out;
}

Case LoadCase(std::string_view format, std::string_view name) {
  return LoadFile(FolderOf(format) / absl::StrCat(name, ".txt"));
}

}  // namespace bestow::testdata
