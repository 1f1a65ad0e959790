// `bestow-agent run`.
#ifndef AGENT_DAEMON_H_
#define AGENT_DAEMON_H_

#include "agent/config/config.h"

namespace bestow::agent {

// Exit codes of every command.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitConfigOrState = 3;

// Keeps the device enrolled until SIGTERM or SIGINT. With `once`: returns as
// soon as nothing is due (kExitOk), or after the first failure (kExitFailed).
int RunDaemon(const Config& config, bool once);

}  // namespace bestow::agent

#endif  // AGENT_DAEMON_H_
