// Renews the server's own TLS certificate: signs, records, writes.
#ifndef SERVER_TLS_RENEWAL_RENEW_TLS_H_
#define SERVER_TLS_RENEWAL_RENEW_TLS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
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

// Waits for the disk of the store: a record of the server's own certificate,
// whoever issued it. One that is there already is OK.
absl::Status RecordTls(Store& store, const Certificate& certificate,
                       std::string detail, absl::Time now);
// Waits for nothing.
void AuditTlsFailure(Store& store, const absl::Status& status, absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_TLS_RENEWAL_RENEW_TLS_H_
