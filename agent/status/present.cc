#include "agent/status/present.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bestow::agent {
namespace {

std::string About(absl::Time time, absl::Time now) {
  const absl::Duration d = absl::Trunc(time - now, absl::Seconds(1));
  return absl::StrCat(FormatUtc(time), " (",
                      d >= absl::ZeroDuration()
                          ? absl::StrCat("in ", absl::FormatDuration(d))
                          : absl::StrCat(absl::FormatDuration(-d), " ago"),
                      ")");
}

class JsonObject {
 public:
  void Raw(std::string_view key, std::string_view value) {
    absl::StrAppend(&text_, text_.empty() ? "{" : ",", "\n  ", Quote(key), ": ",
                    value);
  }
  void Text(std::string_view key, const std::optional<std::string>& value) {
    Raw(key, value ? Quote(*value) : "null");
  }
  void Time(std::string_view key, const std::optional<absl::Time>& value) {
    Raw(key, value ? Quote(FormatUtc(*value)) : "null");
  }
  void Bool(std::string_view key, bool value) {
    Raw(key, value ? "true" : "false");
  }
  std::string Finish() { return text_ + "\n}"; }

 private:
  std::string text_;
};

std::optional<std::string> NonEmpty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::vector<std::string> SanTexts(const Certificate& certificate) {
  std::vector<std::string> texts;
  for (const GeneralName& san : certificate.sans) texts.push_back(san.ToText());
  return texts;
}

std::string ObjectOf(const DeviceStatus& status) {
  JsonObject json;
  json.Text("identity", status.identity);
  json.Text("state", std::string(status.State()));
  std::optional<std::string> subject, issuer, serial;
  std::optional<absl::Time> not_before, not_after, obtained_at;
  std::string sans = "[]";
  if (status.credential) {
    const Certificate& certificate = status.credential->certificate;
    subject = certificate.subject.ToText();
    issuer = certificate.issuer.ToText();
    serial = certificate.SerialHex();
    not_before = certificate.not_before;
    not_after = certificate.not_after;
    obtained_at = status.credential->obtained_at;
    std::vector<std::string> quoted;
    for (const std::string& text : SanTexts(certificate)) {
      quoted.push_back(Quote(text));
    }
    sans = absl::StrCat("[", absl::StrJoin(quoted, ", "), "]");
  }
  json.Text("subject", subject);
  json.Text("issuer", issuer);
  json.Text("serial", serial);
  json.Raw("sans", sans);
  json.Time("not_before", not_before);
  json.Time("not_after", not_after);
  json.Time("obtained_at", obtained_at);
  json.Time("renews_at", status.renews_at);
  json.Bool("pending", status.has_pending_key);
  json.Bool("paused", status.paused);
  json.Bool("daemon_runs", status.daemon_runs);
  const Activity activity = status.activity.value_or(Activity());
  json.Text("doing", NonEmpty(activity.doing));
  json.Time("next_at", activity.next_at);
  json.Text("last_error", NonEmpty(activity.last_error));
  json.Time("last_error_at", activity.last_error_at);
  json.Text("problem", NonEmpty(status.problem));
  return json.Finish();
}

using Row = std::array<std::string, 5>;

Row RowOf(const DeviceStatus& status) {
  Row row = {status.identity, std::string(status.State()), "-", "-", "-"};
  if (status.credential) {
    row[2] = FormatUtc(status.credential->certificate.not_after);
    row[3] = FormatUtc(*status.renews_at);
  }
  if (!status.daemon_runs) {
    row[4] = status.paused ? "not running, paused" : "not running";
  } else if (status.activity && !status.activity->doing.empty()) {
    row[4] = status.activity->doing;
  }
  return row;
}

}  // namespace

std::string StatusText(const DeviceStatus& status) {
  std::string out = absl::StrCat("credential:  ", status.State(), "\n");
  if (status.credential) {
    const Certificate& certificate = status.credential->certificate;
    absl::StrAppend(&out, "subject:     ", certificate.subject.ToText(), "\n");
    if (!certificate.sans.empty()) {
      absl::StrAppend(&out, "also named:  ",
                      absl::StrJoin(SanTexts(certificate), ", "), "\n");
    }
    absl::StrAppend(&out, "issuer:      ", certificate.issuer.ToText(), "\n",
                    "serial:      ", certificate.SerialHex(), "\n",
                    "valid until: ", About(certificate.not_after, status.now),
                    "\n", "renews at:   ", About(*status.renews_at, status.now),
                    "\n");
  }
  if (status.has_pending_key) {
    absl::StrAppend(&out, "pending:     a new key waits for its certificate\n");
  }
  absl::StrAppend(
      &out, "agent:       ", status.daemon_runs ? "running" : "not running");
  if (status.daemon_runs && status.activity &&
      !status.activity->doing.empty()) {
    absl::StrAppend(&out, ", ", status.activity->doing);
    if (status.activity->next_at) {
      absl::StrAppend(&out, " until ",
                      About(*status.activity->next_at, status.now));
    }
  }
  if (status.paused && !status.daemon_runs) absl::StrAppend(&out, ", paused");
  absl::StrAppend(&out, "\n");
  if (status.activity && status.activity->last_error_at) {
    absl::StrAppend(&out, "last error:  ",
                    About(*status.activity->last_error_at, status.now), " ",
                    status.activity->last_error, "\n");
  }
  if (!status.problem.empty()) {
    absl::StrAppend(&out, "problem:     ", status.problem, "\n");
  }
  return out;
}

std::string StatusTable(const std::vector<DeviceStatus>& all) {
  std::vector<Row> rows = {
      {"IDENTITY", "CREDENTIAL", "VALID UNTIL", "RENEWS AT", "AGENT"}};
  for (const DeviceStatus& status : all) rows.push_back(RowOf(status));
  std::array<size_t, 5> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i],
                      std::string(widths[i] - row[i].size() + 2, ' '));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, line, "\n");
  }
  // What is wrong takes a line of its own, and is no column.
  for (const DeviceStatus& status : all) {
    if (status.activity && status.activity->last_error_at) {
      absl::StrAppend(&out, status.identity, ": last error ",
                      About(*status.activity->last_error_at, status.now), " ",
                      status.activity->last_error, "\n");
    }
    if (!status.problem.empty()) {
      absl::StrAppend(&out, status.identity, ": problem: ", status.problem,
                      "\n");
    }
  }
  return out;
}

std::string Present(const std::vector<DeviceStatus>& all, bool is_for_one,
                    bool as_json) {
  if (as_json) return is_for_one ? StatusJson(all[0]) : StatusJson(all);
  return all.size() == 1 ? StatusText(all[0]) : StatusTable(all);
}

bool AllValid(const std::vector<DeviceStatus>& all) {
  return std::all_of(all.begin(), all.end(), [](const DeviceStatus& one) {
    return one.State() == "valid";
  });
}

std::string StatusJson(const DeviceStatus& status) {
  return ObjectOf(status) + "\n";
}

std::string StatusJson(const std::vector<DeviceStatus>& all) {
  const std::string objects =
      absl::StrJoin(all, ",\n", [](std::string* out, const DeviceStatus& one) {
        absl::StrAppend(out, ObjectOf(one));
      });
  return absl::StrCat("{\n\"identities\": [\n", objects, "\n]\n}\n");
}

}  // namespace bestow::agent
