// `bestow-agent server-key get` and `show`, without the command line.
#ifndef AGENT_SERVER_KEY_FETCH_H_
#define AGENT_SERVER_KEY_FETCH_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/config/config.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/crypto/key_type.h"
#include "common/tpm/tpm_signer.h"

namespace bestow::agent {

struct FetchOptions {
  std::string name;  // see CheckServerKeyName()
  KeyType type = KeyType::kRsa2048;
  std::string protection = "auto";  // see ChooseProtection()
};

// Asks the identity's server for a key and its certificate, checks both
// (key_reply.h), seals the key to the TPM and stores them, replacing what was
// there under the name. Blocks: runs an event loop of its own. An error leaves
// what was there; kUnavailable: the same again later. A request that waits for
// an operator keeps its key in the identity's folder, so that the same call
// goes on with it.
absl::Status FetchServerKey(const Config& config,
                            const IdentityConfig& identity,
                            const FetchOptions& options,
                            const TpmWorker::Queue& tpm, const Clock& clock,
                            const std::function<void(const std::string&)>& log);

// The private key as unencrypted PKCS#8 PEM, which it is for the caller to
// keep from others. kDataLoss also when the stored certificate is not for it.
absl::StatusOr<Secret> ShowServerKey(const Config& config,
                                     const IdentityConfig& identity,
                                     const std::string& name,
                                     const TpmWorker::Queue& tpm);

}  // namespace bestow::agent

#endif  // AGENT_SERVER_KEY_FETCH_H_
