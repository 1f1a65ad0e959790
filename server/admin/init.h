// `bestow-server init`: makes a state folder.
#ifndef SERVER_ADMIN_INIT_H_
#define SERVER_ADMIN_INIT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto/key_type.h"
#include "server/ca/ca_key.h"

namespace bestow::server {

struct InitOptions {
  std::string folder;
  std::vector<std::string> hostnames;  // not empty
  std::vector<std::string> listen;
  std::string ca_name;
  KeyType ca_key_type = KeyType::kEcP256;
  KeyStorage ca_key_storage = KeyStorage::kFile;
  // A CA that is there, as `ca import` leaves it, in place of a new one with
  // the name, type and storage above; its key and chain are copied.
  std::string ca_folder;
  // The config says so too: passphrase_file with its whole path.
  CaKeyOptions ca_keys;
};

// Makes the CA, the server's TLS certificate, the database, the key that seals
// secrets in it, and the config, and returns the SHA-256 over the DER of the
// CA's root (which is the CA, unless it came as options.ca_folder) in
// lower-case hex. All is written to a staging folder first, and the config is
// moved to its place last: a folder without it is not one, and init can be run
// again. kAlreadyExists: a state is there, or files that would be overwritten.
// kInvalidArgument: a hostname or the CA's name can't stand in a certificate.
// Else as MakeCaKey() fails.
absl::StatusOr<std::string> InitState(const InitOptions& options,
                                      absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_INIT_H_
