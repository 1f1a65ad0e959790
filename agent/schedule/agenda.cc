#include "agent/schedule/agenda.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "toml++/toml.h"

namespace bestow::agent {
namespace {

constexpr std::string_view kFileName = "/agenda.toml";
constexpr size_t kMaxFileBytes = 16 * 1024;

// Neither URLs nor times need escapes; literal strings have none.
void AddText(std::string* out, std::string_view key, std::string_view value) {
  absl::StrAppend(out, key, " = '", value, "'\n");
}

void AddTime(std::string* out, std::string_view key, absl::Time time) {
  AddText(out, key,
          absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone()));
}

// Reads keys of one table; the first that is missing or wrong is kept.
class Reader {
 public:
  explicit Reader(const toml::table& file) : file_(file) {}

  bool Has(std::string_view key) const { return file_.contains(key); }
  absl::Time Time(std::string_view key) {
    absl::Time time;
    auto text = file_[key].value<std::string>();
    if (!text || !absl::ParseTime(absl::RFC3339_full, *text, &time, nullptr)) {
      wrong_ = key;
    }
    return time;
  }
  std::optional<absl::Time> OptionalTime(std::string_view key) {
    if (!Has(key)) return std::nullopt;
    return Time(key);
  }
  const std::string& wrong() const { return wrong_; }

 private:
  const toml::table& file_;
  std::string wrong_;
};

}  // namespace

absl::Status WriteAgenda(const std::string& folder, const std::string& server,
                         const Agenda& agenda) {
  std::string text;
  AddText(&text, "server", server);
  if (agenda.wait) {
    AddTime(&text, "wait_until", agenda.wait->until);
    absl::StrAppend(
        &text, "wait_seconds = ",
        absl::ToInt64Seconds(absl::Ceil(agenda.wait->length, absl::Seconds(1))),
        "\n");
  }
  if (agenda.next_cacerts) AddTime(&text, "next_cacerts", *agenda.next_cacerts);
  if (agenda.next_info) AddTime(&text, "next_info", *agenda.next_info);
  if (agenda.window) {
    AddTime(&text, "window_obtained_at", agenda.window->obtained_at);
    AddTime(&text, "window_start", agenda.window->start);
    AddTime(&text, "window_end", agenda.window->end);
    AddTime(&text, "window_picked", agenda.window->picked);
  }
  if (Failpoint("schedule.write_agenda")) {
    return absl::InternalError("failpoint schedule.write_agenda");
  }
  return WriteFileAtomically(absl::StrCat(folder, kFileName), AsBytes(text),
                             0644);
}

absl::StatusOr<Agenda> ReadAgenda(const std::string& folder,
                                  const std::string& server) {
  const std::string path = absl::StrCat(folder, kFileName);
  auto text = ReadFile(path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return Agenda();
  if (!text.ok()) return text.status();
  toml::parse_result parsed = toml::parse(*text);
  if (!parsed) {
    return absl::DataLossError(
        absl::StrCat(path, " is damaged: ", parsed.error().description()));
  }
  const toml::table& file = parsed.table();
  if (file["server"].value<std::string>() != server) return Agenda();
  Reader reader(file);
  Agenda agenda;
  if (reader.Has("wait_until")) {
    agenda.wait = {reader.Time("wait_until"),
                   absl::Seconds(file["wait_seconds"].value_or(int64_t{0}))};
  }
  agenda.next_cacerts = reader.OptionalTime("next_cacerts");
  agenda.next_info = reader.OptionalTime("next_info");
  if (reader.Has("window_picked")) {
    agenda.window = {.obtained_at = reader.Time("window_obtained_at"),
                     .start = reader.Time("window_start"),
                     .end = reader.Time("window_end"),
                     .picked = reader.Time("window_picked")};
  }
  if (!reader.wrong().empty()) {
    return absl::DataLossError(
        absl::StrCat(path, " is damaged: ", reader.wrong()));
  }
  return agenda;
}

}  // namespace bestow::agent
