// The agent's configuration file.
#ifndef AGENT_CONFIG_CONFIG_H_
#define AGENT_CONFIG_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/config/identity_config.h"
#include "common/base/secret.h"
#include "common/tpm/tpm.h"

namespace bestow::agent {

// One TPM for all.
struct TpmConfig {
  std::string tcti = "device:/dev/tpmrm0";
  // The storage root of new keys (common/tpm/parent.h).
  uint32_t parent = kParentOwner;
};

struct Config {
  std::string state_dir = "/var/lib/bestow-agent";
  TpmConfig tpm;
  // At least one, by their names in alphabetical order: [identity] alone, as
  // "default", or all of [identities.NAME].
  std::vector<IdentityConfig> identities;
};

// kInvalidArgument: "<name>:<line>: <key>: <what is wrong>". Names no file
// beside `name` and opens none.
absl::StatusOr<Config> ParseConfigToml(std::string_view text, std::string name);
absl::StatusOr<Config> ReadConfigFile(const std::string& path);

// The identity of that name; of "", the only one or else "default".
// kInvalidArgument: there is none; the message lists those that there are.
absl::StatusOr<const IdentityConfig*> FindIdentity(const Config& config,
                                                   std::string_view name);

// The secret without the line end that editors add. kNotFound,
// kPermissionDenied, kInvalidArgument when empty; messages name the file.
absl::StatusOr<Secret> ReadSecretFile(const std::string& path);

// For new keys of the identity, with the password from its file; existing ones
// that want one get `auth`. kInvalidArgument: longer than kMaxAuthBytes; else
// as ReadSecretFile().
absl::StatusOr<KeyProtection> ReadKeyProtection(const IdentityConfig& identity);

}  // namespace bestow::agent

#endif  // AGENT_CONFIG_CONFIG_H_
