#include "server/config/ca_keys_reader.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace bestow::server {
// A file's name, at most 255 characters.
bool IsCredentialName(const std::string& name) {
  return name.size() <= 255 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isgraph(static_cast<unsigned char>(c)) &&
                  c != '/' && c != ':';
         });
}

void ReadCaKeys(TomlReader& toml, CaKeysConfig& config) {
  toml.InTable("ca_keys", [&] {
    toml.ReadText("passphrase_file", &config.passphrase_file);
    if (toml.ReadText("passphrase_credential", &config.passphrase_credential) &&
        !IsCredentialName(config.passphrase_credential)) {
      toml.Complain("passphrase_credential",
                    "must be the name of a credential, as systemd's "
                    "LoadCredential= has it");
    }
    if (!config.passphrase_file.empty() &&
        !config.passphrase_credential.empty()) {
      toml.Complain("passphrase_credential",
                    "and passphrase_file: the passphrase is in one place");
    }
    if (toml.ReadText("tpm", &config.tpm) && config.tpm.empty()) {
      toml.Complain("tpm",
                    "must be such as \"device:/dev/tpmrm0\" or "
                    "\"swtpm:path=/run/swtpm.sock\"");
    }
  });
}

}  // namespace bestow::server
