// `bestow-agent run`.
#ifndef AGENT_DAEMON_H_
#define AGENT_DAEMON_H_

#include "agent/config/config.h"

namespace bestow::agent {

// Keeps the device enrolled under all identities of the config, until SIGTERM
// or SIGINT. One that fails, or can't even begin, holds up none of the others.
// With `once`: returns as soon as nothing is due for any of them (kExitOk), or
// after the first failure of those that fail (exit_code.h; the highest of
// them). kExitConfigOrState: the state folder can't be used.
int RunDaemon(const Config& config, bool once);

}  // namespace bestow::agent

#endif  // AGENT_DAEMON_H_
