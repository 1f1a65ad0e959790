// What the config says of one identity: a key, its certificate, its server.
#ifndef AGENT_CONFIG_IDENTITY_CONFIG_H_
#define AGENT_CONFIG_IDENTITY_CONFIG_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agent/config/toml_file.h"
#include "agent/schedule/schedule.h"
#include "common/base/bytes.h"
#include "common/crypto/key_type.h"
#include "common/est_client/server_url.h"
#include "common/pki/name.h"

namespace bestow::agent {

// Of the one identity that [identity] describes.
inline constexpr std::string_view kDefaultIdentity = "default";

struct IdentityConfig {
  std::string name{kDefaultIdentity};
  ServerUrl server;
  // Exactly one of the two says whom to trust.
  std::string ca_file;
  std::optional<Bytes> ca_sha256;
  // Which versions of TLS are spoken.
  bool tls_1_2 = true;
  bool tls_1_3 = true;
  std::string username;
  std::string secret_file;
  Name subject;  // CN=username unless given
  std::vector<GeneralName> sans;
  // Of new keys, unless the server demands another; never kEd25519.
  KeyType key_type = KeyType::kEcP256;
  // How new keys are protected (KeyProtection in common/tpm/tpm.h).
  std::string key_auth_file;  // "": no password
  bool key_no_da = false;
  std::vector<int> key_pcrs;
  ScheduleOptions schedule;
  // The key that server-generated keys come encrypted with; both or neither.
  Bytes psk_id;
  std::string psk_file;
};

// A name is also a folder's: [a-z0-9][a-z0-9_-]{0,31}. kInvalidArgument says
// so.
absl::Status CheckIdentityName(std::string_view name);

// [identity], or with a `name` [identities.NAME], whose [.server], [.renewal]
// and [.server_keys] override the sections of the top key by key; two keys that
// are alternatives, or belong together, as one. Mistakes go to `file`, what
// comes back then is not to be used.
IdentityConfig ReadDefaultIdentity(TomlFile& file);
IdentityConfig ReadNamedIdentity(TomlFile& file, const std::string& name);

}  // namespace bestow::agent

#endif  // AGENT_CONFIG_IDENTITY_CONFIG_H_
