// Whom an EST client trusts: the configured CA file, and what an authenticated
// server's /cacerts said since (RFC 7030 3.6, 4.1).
#ifndef COMMON_EST_CLIENT_TRUST_H_
#define COMMON_EST_CLIENT_TRUST_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/pki/certificate.h"
#include "common/pki/path.h"

namespace bestow {

struct Trust {
  // Null: nothing is trusted yet, the first /cacerts has to be pinned.
  std::shared_ptr<const TrustAnchors> anchors;
  std::vector<Certificate> intermediates;
};

// `configured`: the CA file's certificates, anchors as they stand. Of
// `learned` (CaUpdate::learned) the self-signed CA certificates are anchors
// and the rest are intermediates; with `pin`, the certificate of that
// fingerprint is an anchor whatever it is.
absl::StatusOr<Trust> MakeTrust(const std::vector<Certificate>& configured,
                                const std::vector<Certificate>& learned,
                                const std::optional<Bytes>& pin);

// What an authenticated server's /cacerts comes to.
struct CaUpdate {
  // What to keep in place of what was learned before.
  std::vector<Certificate> learned;
  std::vector<Certificate> added;    // new anchors
  std::vector<Certificate> dropped;  // anchors learned before that are over
  // "CN=x (sha256 ...): why", one for each certificate that was left out.
  std::vector<std::string> refused;
};

// Of `reply`, which came over a connection that `trust` vouches for:
// - A self-signed CA certificate that is no anchor yet becomes one on an
//   anchor's word alone: the reply must hold a link (RFC 4210 4.4 NewWithOld,
//   or OldWithNew where the new one is trusted), a CA certificate for its key
//   under the one name that both keys have, with a path to an anchor
//   (X509_verify_cert). Links of links count, so that a device which slept
//   through a rollover catches up.
// - Anything else is kept when there is a path to an anchor (RFC 7030 4.1.3).
// An anchor of `learned` (what was learned before) stays until it expires,
// named in the reply or not: this device's own certificate, or the server's,
// may still hang on it. At most kMaxLearnedAnchors are kept.
// NOT checked: revocation.
inline constexpr size_t kMaxLearnedAnchors = 16;
CaUpdate UpdateCaCerts(const Trust& trust,
                       const std::vector<Certificate>& learned,
                       const std::vector<Certificate>& reply, absl::Time now);

// RFC 7030 4.1.1: the first reply counts only when the certificate that was
// pinned out of band is in it: that one is returned, and the rest of the reply
// has to stand before it (UpdateCaCerts). kPermissionDenied otherwise.
absl::StatusOr<Certificate> FindPinned(const std::vector<Certificate>& reply,
                                       const Bytes& pinned_sha256);

struct IssuedCredential {
  Certificate certificate;
  std::vector<Certificate> chain;  // from its issuer up, without the root
};

// Finds the certificate for `spki` in a certs-only reply (RFC 7030 4.2.3) and
// checks that it can be used: a path to the anchors, valid now, fit for
// `purpose` (renewal needs TLS client authentication). Says why not.
absl::StatusOr<IssuedCredential> CheckIssued(
    ByteView certs_only_der, ByteView spki, const Trust& trust, absl::Time now,
    PathPurpose purpose = PathPurpose::kTlsClient);

}  // namespace bestow

#endif  // COMMON_EST_CLIENT_TRUST_H_
