#include "agent/status/device_status.h"

#include <utility>

#include "agent/credentials/credential_store.h"
#include "agent/credentials/state_folder.h"
#include "agent/schedule/agenda.h"
#include "agent/schedule/schedule.h"
#include "agent/status/off_switch.h"

namespace bestow::agent {

std::string_view DeviceStatus::State() const {
  if (!credential) return "none";
  if (now >= credential->certificate.not_after) return "expired";
  if (now < credential->certificate.not_before) return "not yet valid";
  return "valid";
}

DeviceStatus GatherStatus(const Config& config, const IdentityConfig& identity,
                          absl::Time now) {
  DeviceStatus status;
  status.identity = identity.name;
  status.now = now;
  auto folder = FindIdentityFolder(config.state_dir, identity.name);
  if (!folder.ok()) {
    status.problem = absl::IsNotFound(folder.status())
                         ? "the agent has not run yet with this state_dir"
                         : std::string(folder.status().message());
    return status;
  }
  status.daemon_runs = AgentRuns(config.state_dir);
  const CredentialReader reader(*folder);
  auto current = reader.Current();
  if (current.ok()) {
    status.credential = *std::move(current);
  } else {
    status.problem = std::string(current.status().message());
  }
  if (status.credential) {
    status.renews_at =
        RenewalTime(identity.schedule, status.credential->obtained_at,
                    status.credential->certificate.not_after,
                    status.credential->renewal_draw);
    // Or when the server would have it.
    auto agenda = ReadAgenda(*folder, identity.server.ToText());
    if (agenda.ok() && agenda->window &&
        agenda->window->obtained_at == status.credential->obtained_at) {
      status.renews_at = agenda->window->picked;
    }
  }
  auto pending = reader.PendingKey();
  status.has_pending_key = pending.ok() && pending->has_value();
  status.paused = IsPaused(*folder);
  auto activity = ReadActivity(*folder);
  if (activity.ok()) status.activity = *std::move(activity);
  return status;
}

}  // namespace bestow::agent
