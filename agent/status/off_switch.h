// The off switch of an identity: a file in its folder, which outlives restarts.
#ifndef AGENT_STATUS_OFF_SWITCH_H_
#define AGENT_STATUS_OFF_SWITCH_H_

#include <string>

#include "absl/status/status.h"

namespace bestow::agent {

// Whether "paused" is in the identity's folder. What can't be told counts as
// not paused: a device must not lose its certificate by a mistake of the disk.
bool IsPaused(const std::string& folder);

// Makes it so, durably. To be as it was is no error.
absl::Status SetPaused(const std::string& folder, bool paused);

}  // namespace bestow::agent

#endif  // AGENT_STATUS_OFF_SWITCH_H_
