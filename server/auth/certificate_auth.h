// Whom a TLS client certificate stands for (RFC 7030 3.3.2).
#ifndef SERVER_AUTH_CERTIFICATE_AUTH_H_
#define SERVER_AUTH_CERTIFICATE_AUTH_H_

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/tls/tls_stream.h"
#include "server/auth/auth_rules.h"
#include "server/auth/principal.h"
#include "server/store/store.h"

namespace bestow::server {

// Thread-safe. TLS has proved that the client has the key. What the handshake
// did not take is refused; what it took is judged again, since that was over
// all services' anchors, and a connection can live longer than its certificate.
// One that was revoked counts nowhere from that moment on, at no label, not for
// a registration authority, and not while it is on hold. Failures are
// MakeAuthFailure()s of kNoCertificate, kBadCertificate, kRevoked or
// kNotForLabel, or the store's.
class CertificateAuth {
 public:
  // Both must outlive it.
  CertificateAuth(Store& store, const Clock& clock)
      : store_(store), clock_(clock) {}

  // A certificate of the service's CA that is in the store: the identity is
  // the record's, no name in the certificate is read. Or one of a
  // manufacturer: the identity is what the service's template makes of its
  // subject, and is in the store or may register; never a registration
  // authority's.
  absl::StatusOr<Principal> Judge(const AuthRules& rules,
                                  const TlsPeer& peer) const;

  // One of ours alone; expired ones pass within rules.expired_grace, their
  // path being judged at their last moment. One of another label, where a
  // first enrollment needs a password: kNotForLabel.
  absl::StatusOr<Principal> JudgeForReenrollment(const AuthRules& rules,
                                                 const TlsPeer& peer) const;

 private:
  // The record of the leaf; kNotFound: not one of ours.
  // Of one that is in no record: fails, saying so, where the database came from
  // a backup and this service's CA has issued it. kUnavailable as the store's.
  absl::Status CheckNotLost(const AuthRules& rules, const TlsPeer& peer) const;
  absl::StatusOr<CertificateRecord> FindOurs(const TlsPeer& peer) const;
  absl::StatusOr<Principal> JudgeOurs(const AuthRules& rules,
                                      const TlsPeer& peer,
                                      CertificateRecord record,
                                      absl::Duration grace) const;
  absl::StatusOr<Principal> JudgeIdevid(const AuthRules& rules,
                                        const TlsPeer& peer) const;

  Store& store_;
  const Clock& clock_;
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_CERTIFICATE_AUTH_H_
