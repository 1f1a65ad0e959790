#include "agent/status/device_status.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/credentials/credential_store.h"
#include "agent/schedule/agenda.h"
#include "agent/schedule/schedule.h"

namespace bestow::agent {
namespace {

// The daemon holds the folder's lock as long as it runs.
bool LockIsHeld(const std::string& folder) {
  const int fd =
      open(absl::StrCat(folder, "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);
  return held;
}

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
  std::string Finish() { return text_ + "\n}\n"; }

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

}  // namespace

std::string_view DeviceStatus::State() const {
  if (!credential) return "none";
  if (now >= credential->certificate.not_after) return "expired";
  if (now < credential->certificate.not_before) return "not yet valid";
  return "valid";
}

DeviceStatus GatherStatus(const Config& config, absl::Time now) {
  DeviceStatus status;
  status.now = now;
  auto reader = CredentialReader::Open(config.state_dir);
  if (!reader.ok()) {
    status.problem = absl::IsNotFound(reader.status())
                         ? "the agent has not run yet with this state_dir"
                         : std::string(reader.status().message());
    return status;
  }
  status.daemon_runs = LockIsHeld(config.state_dir);
  auto current = reader->Current();
  if (current.ok()) {
    status.credential = *std::move(current);
  } else {
    status.problem = std::string(current.status().message());
  }
  if (status.credential) {
    status.renews_at =
        RenewalTime(config.schedule, status.credential->obtained_at,
                    status.credential->certificate.not_after,
                    status.credential->renewal_draw);
    // Or when the server would have it.
    auto agenda = ReadAgenda(config.state_dir, config.server.ToText());
    if (agenda.ok() && agenda->window &&
        agenda->window->obtained_at == status.credential->obtained_at) {
      status.renews_at = agenda->window->picked;
    }
  }
  auto pending = reader->PendingKey();
  status.has_pending_key = pending.ok() && pending->has_value();
  auto activity = ReadActivity(config.state_dir);
  if (activity.ok()) status.activity = *std::move(activity);
  return status;
}

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

std::string StatusJson(const DeviceStatus& status) {
  JsonObject json;
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
  json.Bool("daemon_runs", status.daemon_runs);
  const Activity activity = status.activity.value_or(Activity());
  json.Text("doing", NonEmpty(activity.doing));
  json.Time("next_at", activity.next_at);
  json.Text("last_error", NonEmpty(activity.last_error));
  json.Time("last_error_at", activity.last_error_at);
  json.Text("problem", NonEmpty(status.problem));
  return json.Finish();
}

}  // namespace bestow::agent
