// What the agent must remember of its plans when it is started again.
#ifndef AGENT_SCHEDULE_AGENDA_H_
#define AGENT_SCHEDULE_AGENDA_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bestow::agent {

struct Agenda {
  // The server asked to be left alone until then (RFC 7030 4.2.3). The length
  // bounds the wait where the clock is wrong, as on a board without a battery.
  struct Wait {
    absl::Time until;
    absl::Duration length;
    bool operator==(const Wait&) const = default;
  };
  // The server's renewal window for the certificate that was obtained then,
  // and the time that was drawn in it: once, not at each start.
  struct Window {
    absl::Time obtained_at;
    absl::Time start;
    absl::Time end;
    absl::Time picked;
    bool operator==(const Window&) const = default;
  };
  std::optional<Wait> wait;
  std::optional<absl::Time> next_cacerts;
  std::optional<absl::Time> next_info;
  std::optional<Window> window;
  bool operator==(const Agenda&) const = default;
};

// agenda.toml in the state folder, replaced atomically. `server` (its URL):
// plans that were made with another one count for nothing.
absl::Status WriteAgenda(const std::string& folder, const std::string& server,
                         const Agenda& agenda);
// Empty when there is none for this server; kDataLoss when it can't be read.
absl::StatusOr<Agenda> ReadAgenda(const std::string& folder,
                                  const std::string& server);

}  // namespace bestow::agent

#endif  // AGENT_SCHEDULE_AGENDA_H_
