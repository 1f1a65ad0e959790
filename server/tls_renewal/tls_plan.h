// When the server's own TLS certificate is to be renewed, and by whom.
#ifndef SERVER_TLS_RENEWAL_TLS_PLAN_H_
#define SERVER_TLS_RENEWAL_TLS_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/pki/certificate.h"
#include "server/ca/ca_bundle.h"
#include "server/ca/subscriber.h"
#include "server/ca/tls_chain.h"
#include "server/config/tls_config.h"

namespace bestow::server {

struct TlsPlan {
  // nullptr: the certificate is or is to be from elsewhere, or its renewal is
  // turned off.
  const CaBundle* ca = nullptr;
  // InfiniteFuture: never, as things are (its CA ends no later than it).
  absl::Time due = absl::InfiniteFuture();
  std::string why;  // for people, when it is due
};

// Due at [tls]'s fraction of its lifetime; at once when its CA has another key
// since, its names are not `hostnames` (empty: whatever it has), or it is not
// valid yet (a clock that was set back). `cas` must outlive the plan. Pure.
TlsPlan PlanTlsRenewal(const Certificate& present, const CaBundles& cas,
                       const TlsConfig& config,
                       const std::vector<std::string>& hostnames,
                       absl::Time now);

// What the next certificate says: the names of `hostnames`, or of `present`
// where that is empty or can't stand in a certificate; no wish of the config
// costs the server its certificate.
absl::StatusOr<SubscriberContents> TlsRenewalContents(
    const Certificate& present, const std::vector<std::string>& hostnames,
    absl::Duration validity);

}  // namespace bestow::server

#endif  // SERVER_TLS_RENEWAL_TLS_PLAN_H_
