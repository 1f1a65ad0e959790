// `bestow-agent check`: says what is wrong before the daemon finds it.
#ifndef AGENT_CHECK_H_
#define AGENT_CHECK_H_

#include <string>

#include "agent/config/config.h"
#include "common/tpm/tpm.h"

namespace bestow::agent {

// Adds one line per check to `*out`, of the device and of each identity.
// Changes nothing: with no credential yet, the key that it makes in the TPM to
// try it is kept nowhere. Returns the exit code (exit_code.h): kExitOk,
// kExitFailed for the TPM, kExitConfigOrState.
int RunCheck(const Config& config, Tpm& tpm, std::string* out);

}  // namespace bestow::agent

#endif  // AGENT_CHECK_H_
