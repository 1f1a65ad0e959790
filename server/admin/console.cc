#include "server/admin/console.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace bestow::server {

int Report(const Console& console, int code, const absl::Status& status) {
  console.err << "bestow-server: " << status.message() << "\n";
  return code;
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items;
  for (std::string_view item : absl::StrSplit(text, ',')) {
    item = absl::StripAsciiWhitespace(item);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

std::string UtcText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string HexText(ByteView bytes) {
  return absl::BytesToHexString(AsText(bytes));
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", std::string(1, c));
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppend(&out, "\\u00", absl::Hex(byte, absl::kZeroPad2));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string JsonObject(
    const std::vector<std::pair<std::string_view, std::string>>& fields) {
  return absl::StrCat("{",
                      absl::StrJoin(fields, ", ",
                                    [](std::string* out, const auto& field) {
                                      absl::StrAppend(
                                          out, JsonString(field.first), ": ",
                                          JsonString(field.second));
                                    }),
                      "}");
}

}  // namespace bestow::server
