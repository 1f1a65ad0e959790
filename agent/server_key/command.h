// `bestow-agent server-key get NAME` and `bestow-agent server-key show NAME`.
#ifndef AGENT_SERVER_KEY_COMMAND_H_
#define AGENT_SERVER_KEY_COMMAND_H_

#include <string>

#include "agent/config/config.h"

namespace bestow::agent {

struct ServerKeyCommand {
  std::string verb;      // "get" or "show"
  std::string identity;  // whose; see FindIdentity()
  std::string name;
  std::string key_type = "rsa-2048";  // get: see KeyTypeByName(), no ed25519
  std::string protection = "auto";    // get: see ChooseProtection()
};

// Runs it with the TPM of the config, says what it does on stderr, and returns
// the exit code: kExitOk, kExitFailed, kExitUsage. `show` writes the private
// key in PEM to stdout, and refuses when that is a terminal.
int RunServerKeyCommand(const Config& config, const ServerKeyCommand& command);

}  // namespace bestow::agent

#endif  // AGENT_SERVER_KEY_COMMAND_H_
