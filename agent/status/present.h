// What `bestow-agent status` writes.
#ifndef AGENT_STATUS_PRESENT_H_
#define AGENT_STATUS_PRESENT_H_

#include <string>
#include <vector>

#include "agent/status/device_status.h"

namespace bestow::agent {

// One identity in a few lines, for people.
std::string StatusText(const DeviceStatus& status);
// Several, a line each.
std::string StatusTable(const std::vector<DeviceStatus>& all);

// One object; absent values are null. Keys: identity, state, subject, issuer,
// serial, sans, not_before, not_after, obtained_at, renews_at, pending, paused,
// daemon_runs, doing, next_at, last_error, last_error_at, problem.
std::string StatusJson(const DeviceStatus& status);
// {"identities": [...]}, of such objects.
std::string StatusJson(const std::vector<DeviceStatus>& all);

// What the command shows of these, at least one: `is_for_one` when one was
// asked for by name.
std::string Present(const std::vector<DeviceStatus>& all, bool is_for_one,
                    bool as_json);
bool AllValid(const std::vector<DeviceStatus>& all);

}  // namespace bestow::agent

#endif  // AGENT_STATUS_PRESENT_H_
