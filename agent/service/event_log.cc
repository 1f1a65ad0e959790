#include "agent/service/event_log.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/service/datagram.h"

namespace bestow::agent {
namespace {

constexpr char kJournalSocket[] = "/run/systemd/journal/socket";
constexpr char kIdentifier[] = "bestow-agent";
// syslog(3).
constexpr std::string_view kInfo = "6";
constexpr std::string_view kWarning = "4";

void AddField(std::string* out, std::string_view name, std::string_view value) {
  if (!absl::StrContains(value, '\n')) {
    absl::StrAppend(out, name, "=", value, "\n");
    return;
  }
  absl::StrAppend(out, name, "\n");
  uint64_t size = value.size();
  for (int i = 0; i < 8; ++i, size >>= 8) {
    out->push_back(static_cast<char>(size & 0xff));
  }
  absl::StrAppend(out, value, "\n");
}

// systemd says which pipe is the journal's; after a redirection it is not
// stderr any more.
bool StderrIsTheJournal() {
  const char* stream = getenv("JOURNAL_STREAM");
  struct stat st;
  return stream != nullptr && fstat(STDERR_FILENO, &st) == 0 &&
         stream == absl::StrCat(st.st_dev, ":", st.st_ino);
}

}  // namespace

std::string JournalEntry(const LogEvent& event) {
  std::string out;
  AddField(&out, "MESSAGE",
           event.identity.empty()
               ? event.message
               : absl::StrCat(event.identity, ": ", event.message));
  AddField(&out, "PRIORITY", event.is_problem ? kWarning : kInfo);
  AddField(&out, "SYSLOG_IDENTIFIER", kIdentifier);
  AddField(&out, "BESTOW_EVENT", event.event);
  if (!event.identity.empty()) {
    AddField(&out, "BESTOW_IDENTITY", event.identity);
  }
  for (const auto& [name, value] : event.fields) {
    AddField(&out, absl::StrCat("BESTOW_", name), value);
  }
  return out;
}

EventLog EventLog::FromEnvironment(bool names_identities) {
  return EventLog(StderrIsTheJournal() ? kJournalSocket : "", names_identities);
}

EventLog::EventLog(std::string journal_socket, bool names_identities)
    : journal_socket_(std::move(journal_socket)),
      names_identities_(names_identities) {}

std::string EventLog::Line(const LogEvent& event) const {
  return absl::StrCat("bestow-agent: ",
                      names_identities_ && !event.identity.empty()
                          ? absl::StrCat(event.identity, ": ")
                          : "",
                      event.is_problem ? "problem: " : "", event.message, "\n");
}

void EventLog::Write(const LogEvent& event) const {
  if (!journal_socket_.empty() &&
      SendDatagram(journal_socket_, JournalEntry(event)).ok()) {
    return;
  }
  std::fputs(Line(event).c_str(), stderr);
}

}  // namespace bestow::agent
