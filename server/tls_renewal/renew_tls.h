// Renews the server's own TLS certificate: signs, records, writes.
#ifndef SERVER_TLS_RENEWAL_RENEW_TLS_H_
#define SERVER_TLS_RENEWAL_RENEW_TLS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/secret.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "server/ca/ca_bundle.h"
#include "server/config/config.h"
#include "server/store/store.h"

namespace bestow::server {

// As whom the server stands in its own records.
inline constexpr char kServerIdentity[] = "bestow-server";
inline constexpr char kTlsOperation[] = "tls";

struct TlsFiles {
  std::vector<Certificate> chain;  // the leaf first, up to the root
  std::shared_ptr<Signer> signer;
};

// A certificate by `ca`'s key of today, for a new key of the same kind or, as
// [tls] says, for `signer`, the present one. It is on the disk of the store
// before its files replace those in `tls_folder`, both at once; a crash in
// between leaves the old ones. Waits for the CA's signer and the store.
// NOT checked: whether it is time (PlanTlsRenewal()).
absl::StatusOr<TlsFiles> RenewTls(const std::string& tls_folder,
                                  const Certificate& present,
                                  const std::shared_ptr<Signer>& signer,
                                  const CaBundle& ca, const Config& config,
                                  Store& store, absl::Time now);

// Replaces tls/server.pem, and tls/server.key.pem unless `key_pem` is empty;
// what is read is all of the old or all of the new, after a crash at any step
// too.
absl::Status ReplaceTlsFiles(const std::string& tls_folder,
                             const Secret& key_pem,
                             const std::vector<Certificate>& chain);

}  // namespace bestow::server

#endif  // SERVER_TLS_RENEWAL_RENEW_TLS_H_
