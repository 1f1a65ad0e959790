// tls/ of the state folder: the server's own certificate and its key.
#ifndef SERVER_ADMIN_TLS_FILES_H_
#define SERVER_ADMIN_TLS_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/secret.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"

namespace bestow::server {

struct StoredTls {
  std::vector<Certificate> chain;  // the leaf first
  std::shared_ptr<SoftwareSigner> key;
};

// kNotFound: neither of the two is there. Else kFailedPrecondition, naming the
// file; also when they do not belong together. Waits for one that changes them.
absl::StatusOr<StoredTls> LoadTlsFiles(const std::string& tls_folder);

// Replaces tls/server.pem, and tls/server.key.pem unless `key_pem` is empty;
// what LoadTlsFiles() reads is all of the old or all of the new, after a crash
// at any step too.
absl::Status ReplaceTlsFiles(const std::string& tls_folder,
                             const Secret& key_pem,
                             const std::vector<Certificate>& chain);

// To be served while there is none yet: a new key and a certificate for
// `hostnames` that it signed itself, which nobody trusts. It has no dates.
absl::StatusOr<StoredTls> MakeStandInTls(
    const std::vector<std::string>& hostnames);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_TLS_FILES_H_
