// The state folder: where things lie, and reading them.
#ifndef SERVER_ADMIN_STATE_FOLDER_H_
#define SERVER_ADMIN_STATE_FOLDER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "common/tls/tls_context.h"
#include "server/auth/sealed_secret.h"
#include "server/ca/ca_key.h"
#include "server/config/config.h"
#include "server/est/snapshot.h"

namespace bestow::server {

struct StatePaths {
  explicit StatePaths(const std::string& folder);
  std::string folder;
  std::string config;    // bestow-server.toml: the last that init makes
  std::string database;  // bestow.db
  std::string seal_key;  // seal.key: recoverable secrets in the database
  // Of the CA that `init` makes. Others are below cas_folder.
  std::string ca_folder, ca_key, ca_certificate;
  std::string cas_folder;
  std::string tls_folder, tls_key, tls_certificate;
  std::string staging;  // of an init under way
};

// What the folder holds, but for the database.
struct ServerState {
  std::string folder;  // absolute or relative, as it was given
  Config config;
  std::string config_sha256;  // of its text, in hex
  Snapshot::Materials materials;
  // The server's own certificate as its file has it, the leaf first.
  std::vector<Certificate> tls_chain;
  std::shared_ptr<Signer> tls_signer;
  std::shared_ptr<const SecretSealer> sealer;
  CaKeyOptions ca_keys;

  // Of the two above and materials.tls_certificate.
  void SetTls(std::vector<Certificate> chain, std::shared_ptr<Signer> signer);
  // What TLS shows of it: during a rollover with the links (TlsChain()).
  TlsCredential TlsShown() const;
  // The CA of the service without a label.
  const Certificate& ca_certificate() const;
};

// What [ca_keys] says, with paths as the process finds them.
// kFailedPrecondition: a credential, and no $CREDENTIALS_DIRECTORY.
absl::StatusOr<CaKeyOptions> CaKeyOptionsOf(const CaKeysConfig& config,
                                            const StatePaths& paths);

// The config alone. kFailedPrecondition as LoadState().
absl::StatusOr<Config> LoadConfig(const StatePaths& paths);

// Makes the seal.key of a folder that an older version made. Loads the CAs and
// manufacturers' CAs that the config names, and no others; and what was learned
// of upstreams' CAs. kFailedPrecondition,
// naming the file and what to do, when the folder is no state folder or
// something in it is missing or wrong.
absl::StatusOr<ServerState> LoadState(const StatePaths& paths);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_STATE_FOLDER_H_
