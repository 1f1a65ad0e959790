// Whom the agent trusts: the configured CA file, and what an authenticated
// server's /cacerts said since (RFC 7030 3.6, 4.1).
#ifndef AGENT_ENROLL_TRUST_H_
#define AGENT_ENROLL_TRUST_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/pki/certificate.h"
#include "common/pki/path.h"

namespace bestow::agent {

struct Trust {
  // Null: nothing is trusted yet, the first /cacerts has to be pinned.
  std::shared_ptr<const TrustAnchors> anchors;
  std::vector<Certificate> intermediates;
};

// `configured`: the CA file's certificates, anchors as they stand. Of
// `learned` (a /cacerts reply) the self-issued CA certificates are anchors and
// the rest are intermediates; with `pin`, the certificate of that fingerprint
// is an anchor whatever it is.
absl::StatusOr<Trust> MakeTrust(const std::vector<Certificate>& configured,
                                const std::vector<Certificate>& learned,
                                const std::optional<Bytes>& pin);

// RFC 7030 4.1.1: the first reply counts only when the certificate that was
// pinned out of band is in it. kPermissionDenied otherwise.
absl::Status CheckBootstrap(const std::vector<Certificate>& learned,
                            const Bytes& pinned_sha256);

struct IssuedCredential {
  Certificate certificate;
  std::vector<Certificate> chain;  // from its issuer up, without the root
};

// Finds the certificate for `spki` in a certs-only reply (RFC 7030 4.2.3) and
// checks that it can be used: a path to the anchors, valid now, fit for TLS
// client authentication (which renewal needs). Says why not.
absl::StatusOr<IssuedCredential> CheckIssued(ByteView certs_only_der,
                                             ByteView spki, const Trust& trust,
                                             absl::Time now);

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_TRUST_H_
