// Reads [ca_keys].
#ifndef SERVER_CONFIG_CA_KEYS_READER_H_
#define SERVER_CONFIG_CA_KEYS_READER_H_

#include <string>

#include "server/config/ca_keys_config.h"
#include "server/config/toml_reader.h"

namespace bestow::server {

// systemd.exec(5): what can be the name of a credential.
bool IsCredentialName(const std::string& name);

// The current table is the top of the file. NOT checked: that the passphrase
// is there, that a TPM is.
void ReadCaKeys(TomlReader& toml, CaKeysConfig& config);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_CA_KEYS_READER_H_
