// What serves requests: made from the config and the state folder, shared,
// never changed; SIGHUP swaps it for another.
#ifndef SERVER_EST_SNAPSHOT_H_
#define SERVER_EST_SNAPSHOT_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/est/csr_attrs.h"
#include "common/pki/certificate.h"
#include "common/pki/path.h"
#include "server/ca/ca_bundle.h"
#include "server/ca/certificate_authority.h"
#include "server/config/config.h"
#include "server/policy/issuance_policy.h"
#include "server/revocation/issuing_key.h"

namespace bestow::server {

// One label's, or the one without (RFC 7030 3.2.2).
struct Service {
  std::string label;
  ServiceConfig config;
  IssuancePolicy policy;
  // Of one with an upstream: what signs while that is down; null: nothing.
  std::shared_ptr<const CertificateAuthority> ca;
  std::vector<Certificate> ca_chain;  // from the issuing CA to the root
  // Encoded (RFC 7030 4.1.3). Empty: the upstream's are not known yet.
  std::string cacerts_body;
  // This CA, and its old key during a rollover: re-enrollments. Or what
  // /cacerts of the upstream has; null: as above.
  std::shared_ptr<const TrustAnchors> ca_anchors;
  // CAs of manufacturers; null: none (RFC 7030 3.3.2).
  std::shared_ptr<const TrustAnchors> idevid_anchors;

  // What a client is asked for; `identity`: "" when nobody is authenticated.
  // Links to the TLS session are among it (csr_wishes.h).
  // Empty items: nothing is asked for.
  absl::StatusOr<est::CsrAttrs> CsrAttrsFor(std::string_view identity) const;
};

struct Snapshot {
  // What the config names, as it was loaded.
  struct Materials {
    std::map<std::string, CaBundle, std::less<>> cas;  // "ca", "cas/NAME"
    // By their names in the config.
    std::map<std::string, std::vector<Certificate>, std::less<>> idevid_anchors;
    // Manufacturers' CAs of the database, by label.
    std::map<std::string, std::vector<Certificate>, std::less<>> label_anchors;
    Certificate tls_certificate;  // the server's own
    // What was learned of each upstream's /cacerts (CaUpdate::learned), by
    // UpstreamConnection::folder; none: nothing yet.
    std::map<std::string, std::vector<Certificate>, std::less<>> upstream_cas;
  };
  // kInvalidArgument: `materials` lacks what the config names.
  static absl::StatusOr<std::shared_ptr<const Snapshot>> Create(
      const Config& config, const Materials& materials);

  // nullptr: there is no such label. "" is always there.
  const Service* Find(std::string_view label) const;

  // What TLS checks clients against: every CA and manufacturer's CA of every
  // service. A service then checks by its own.
  std::shared_ptr<const TrustAnchors> client_anchors;
  std::map<std::string, Service, std::less<>> services;  // by label
  // Of every CA that is loaded: what CRLs and OCSP answers are of.
  std::shared_ptr<const IssuingKeys> issuing_keys;
};

}  // namespace bestow::server

#endif  // SERVER_EST_SNAPSHOT_H_
