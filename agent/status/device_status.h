// How an identity is, from the state folder alone: it needs no TPM and no
// daemon, and disturbs neither.
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
  std::string identity;
  absl::Time now;
  std::optional<Credential> credential;
  std::optional<absl::Time> renews_at;
  bool has_pending_key = false;
  bool paused = false;  // by the off switch
  bool daemon_runs = false;
  std::optional<Activity> activity;
  std::string problem;  // why the state folder could not be read, or ""

  // "valid", "expired", "not yet valid", "none".
  std::string_view State() const;
};

// Of one identity of the config.
DeviceStatus GatherStatus(const Config& config, const IdentityConfig& identity,
                          absl::Time now);

}  // namespace bestow::agent

#endif  // AGENT_STATUS_DEVICE_STATUS_H_
