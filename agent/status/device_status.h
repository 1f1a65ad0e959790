// What `bestow-agent status` says, from the state folder alone: it needs no
// TPM and no daemon, and disturbs neither.
#ifndef AGENT_STATUS_DEVICE_STATUS_H_
#define AGENT_STATUS_DEVICE_STATUS_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "agent/config/config.h"
#include "agent/credentials/credential.h"
#include "agent/status/activity.h"

namespace bestow::agent {

struct DeviceStatus {
  absl::Time now;
  std::optional<Credential> credential;
  std::optional<absl::Time> renews_at;
  bool has_pending_key = false;
  bool daemon_runs = false;
  std::optional<Activity> activity;
  std::string problem;  // why the state folder could not be read, or ""

  // "valid", "expired", "not yet valid", "none".
  std::string_view State() const;
};

DeviceStatus GatherStatus(const Config& config, absl::Time now);

// A few lines for people.
std::string StatusText(const DeviceStatus& status);
// One object; absent values are null. Keys: state, subject, issuer, serial,
// sans, not_before, not_after, obtained_at, renews_at, pending, daemon_runs,
// doing, next_at, last_error, last_error_at, problem.
std::string StatusJson(const DeviceStatus& status);

}  // namespace bestow::agent

#endif  // AGENT_STATUS_DEVICE_STATUS_H_
