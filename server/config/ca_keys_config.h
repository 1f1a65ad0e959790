// What [ca_keys] says.
#ifndef SERVER_CONFIG_CA_KEYS_CONFIG_H_
#define SERVER_CONFIG_CA_KEYS_CONFIG_H_

#include <string>

namespace bestow::server {

struct CaKeysConfig {
  // Where the passphrase is that CA keys in files are under: a file, relative
  // to the state folder, or the name of a file below $CREDENTIALS_DIRECTORY
  // (systemd's LoadCredential=). At most one; both empty: nowhere.
  std::string passphrase_file;
  std::string passphrase_credential;
  std::string tpm = "device:/dev/tpmrm0";  // TCTI of keys in the TPM
};

}  // namespace bestow::server

#endif  // SERVER_CONFIG_CA_KEYS_CONFIG_H_
