#include "agent/status/activity.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "toml++/toml.h"

namespace bestow::agent {
namespace {

constexpr std::string_view kFileName = "/status.toml";
constexpr size_t kMaxFileBytes = 64 * 1024;

std::optional<absl::Time> ReadTime(const toml::parse_result& file,
                                   std::string_view key) {
  absl::Time time;
  auto text = file[key].value<std::string>();
  if (!text || !absl::ParseTime(absl::RFC3339_full, *text, &time, nullptr)) {
    return std::nullopt;
  }
  return time;
}

}  // namespace

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&out, "\\u%04x", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::string FormatUtc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

absl::Status WriteActivity(const std::string& folder,
                           const Activity& activity) {
  std::string text = absl::StrCat("doing = ", Quote(activity.doing), "\n");
  if (activity.next_at) {
    absl::StrAppend(&text, "next_at = ", Quote(FormatUtc(*activity.next_at)),
                    "\n");
  }
  if (activity.last_error_at) {
    absl::StrAppend(
        &text, "last_error = ", Quote(activity.last_error),
        "\nlast_error_at = ", Quote(FormatUtc(*activity.last_error_at)), "\n");
  }
  if (Failpoint("agent.write_status")) {
    return absl::InternalError("failpoint agent.write_status");
  }
  return WriteFileAtomically(absl::StrCat(folder, kFileName), AsBytes(text),
                             0644);
}

absl::StatusOr<Activity> ReadActivity(const std::string& folder) {
  const std::string path = absl::StrCat(folder, kFileName);
  auto text = ReadFile(path, kMaxFileBytes);
  if (!text.ok()) return text.status();
  toml::parse_result file = toml::parse(*text);
  if (!file) {
    return absl::DataLossError(
        absl::StrCat(path, " is damaged: ", file.error().description()));
  }
  Activity activity;
  activity.doing = file["doing"].value_or(std::string());
  activity.next_at = ReadTime(file, "next_at");
  activity.last_error = file["last_error"].value_or(std::string());
  activity.last_error_at = ReadTime(file, "last_error_at");
  return activity;
}

}  // namespace bestow::agent
