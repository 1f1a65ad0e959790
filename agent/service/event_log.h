// What happens, for people and for what watches a fleet: one line each on
// stderr, or entries with fields in systemd's journal.
#ifndef AGENT_SERVICE_EVENT_LOG_H_
#define AGENT_SERVICE_EVENT_LOG_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace bestow::agent {

struct LogEvent {
  // What happened, in one word that stays the same from version to version:
  // BESTOW_EVENT. "note" is what has no other.
  std::string event = "note";
  std::string identity;  // BESTOW_IDENTITY; "": of none
  std::string message;   // for people; no line ends
  bool is_problem = false;
  // Upper case, digits and _; "SERIAL" becomes BESTOW_SERIAL.
  std::vector<std::pair<std::string, std::string>> fields;
};
using LogFunction = std::function<void(const LogEvent&)>;

// Thread-safe.
class EventLog {
 public:
  // To the journal where stderr goes there (JOURNAL_STREAM), else to stderr.
  // `names_identities`: lines on stderr begin with the identity.
  static EventLog FromEnvironment(bool names_identities);
  // "": to stderr. For tests.
  EventLog(std::string journal_socket, bool names_identities);

  // What the journal does not take goes to stderr.
  void Write(const LogEvent& event) const;
  std::string Line(const LogEvent& event) const;

 private:
  const std::string journal_socket_;
  const bool names_identities_;
};

// The entry in the journal's own protocol: fields with their values, those with
// a line end by their length. https://systemd.io/JOURNAL_NATIVE_PROTOCOL
std::string JournalEntry(const LogEvent& event);

}  // namespace bestow::agent

#endif  // AGENT_SERVICE_EVENT_LOG_H_
