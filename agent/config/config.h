// The agent's configuration file.
#ifndef AGENT_CONFIG_CONFIG_H_
#define AGENT_CONFIG_CONFIG_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/schedule/schedule.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/crypto/key_type.h"
#include "common/est_client/server_url.h"
#include "common/pki/name.h"

namespace bestow::agent {

struct Config {
  std::string state_dir = "/var/lib/bestow-agent";
  ServerUrl server;
  // Exactly one of the two says whom to trust.
  std::string ca_file;
  std::optional<Bytes> ca_sha256;
  // Which versions of TLS are spoken.
  bool tls_1_2 = true;
  bool tls_1_3 = true;
  std::string tcti = "device:/dev/tpmrm0";
  std::string username;
  std::string secret_file;
  Name subject;  // CN=username unless given
  std::vector<GeneralName> sans;
  // Of new keys, unless the server demands another; never kEd25519.
  KeyType key_type = KeyType::kEcP256;
  ScheduleOptions schedule;
  // The key that server-generated keys come encrypted with; both or neither.
  Bytes psk_id;
  std::string psk_file;
};

// kInvalidArgument: "<name>:<line>: <key>: <what is wrong>". Names no file
// beside `name` and opens none.
absl::StatusOr<Config> ParseConfigToml(std::string_view text, std::string name);
absl::StatusOr<Config> ReadConfigFile(const std::string& path);

// The secret without the line end that editors add. kNotFound,
// kPermissionDenied, kInvalidArgument when empty; messages name the file.
absl::StatusOr<Secret> ReadSecretFile(const std::string& path);

}  // namespace bestow::agent

#endif  // AGENT_CONFIG_CONFIG_H_
