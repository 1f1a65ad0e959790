// `bestow-agent status`, `renew --now`, `pause` and `resume`.
#ifndef AGENT_CONTROL_COMMANDS_H_
#define AGENT_CONTROL_COMMANDS_H_

#include <string>

#include "agent/config/config.h"

namespace bestow::agent {

struct ControlCommand {
  std::string verb;      // "status", "renew", "pause" or "resume"
  std::string identity;  // "": all
  bool json = false;
};

// Asks the daemon where one runs, else does it on the state folder (status,
// pause, resume) or says that none runs. Writes the answer to stdout, what went
// wrong to stderr, and returns the exit code (exit_code.h): of status, kExitOk
// when every credential asked for is valid; of the others, when it was done for
// every identity.
int RunControlCommand(const Config& config, const ControlCommand& command);

}  // namespace bestow::agent

#endif  // AGENT_CONTROL_COMMANDS_H_
