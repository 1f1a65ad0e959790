// Revoking, and what CRLs and OCSP answers are made of.
#ifndef SERVER_STORE_REVOCATION_STORE_H_
#define SERVER_STORE_REVOCATION_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "server/store/audit_entry.h"
#include "server/store/records.h"

namespace bestow::server {

// Names what is meant by exactly one of the three.
struct RevokeOrder {
  Bytes serial;
  std::string identity;
  Bytes key_sha256;
  // `at` is also the time of the order, by which a certificate is expired.
  // The reason removeFromCRL is not one: see `release`.
  Revocation revocation;
  bool release = false;  // a certificateHold is lifted
  AuditEntry audit;      // one is written for each certificate, with its serial
};

// An entry of a CRL. In a delta a hold that was lifted has the reason
// removeFromCRL.
struct RevokedCertificate {
  Bytes serial;
  Revocation revocation;
};

struct StoredCrl {
  Bytes issuer_key_id;
  // Fulls and deltas of a key count together; those that are issued at one
  // moment share theirs.
  int64_t number = 0;
  std::optional<int64_t> base_number;  // of a delta
  absl::Time this_update;
  absl::Time next_update;
  Bytes der;
};

class RevocationStore {
 public:
  virtual ~RevocationStore() = default;

  // All that the order means, not expired, now revoked; those that changed are
  // returned as they are now. What is revoked already stays as it is, but that
  // a hold becomes final. Waits for the disk. kNotFound: nothing changed,
  // because there is no such certificate, or it is expired, revoked already,
  // or (release) not on hold; the message says which. kInvalidArgument: not
  // exactly one of the three, or no reason of revocations.
  virtual absl::StatusOr<std::vector<CertificateRecord>> Revoke(
      const RevokeOrder& order) = 0;

  // Those of one CA key, for its CRL, ordered by serial: revoked, and not
  // expired at `now` or when the newest full CRL of the key was issued (so that
  // each is on one CRL beyond its expiry, RFC 5280 3.3). `changed_since`: for a
  // delta, only those revoked or released at or after that time.
  virtual absl::StatusOr<std::vector<RevokedCertificate>> ListRevoked(
      ByteView issuer_key_id, absl::Time now,
      std::optional<absl::Time> changed_since) = 0;

  // When the last certificate of one CA key ends, revoked ones too; nullopt: it
  // has issued none. Those of its OCSP responders (operation "ocsp") don't
  // count: they answer for the others alone. Looks at every certificate.
  virtual absl::StatusOr<std::optional<absl::Time>> LastExpiry(
      ByteView issuer_key_id) = 0;

  // The newest full or the newest delta CRL of a CA key. kNotFound: none yet.
  virtual absl::StatusOr<StoredCrl> FindCrl(ByteView issuer_key_id,
                                            bool delta) = 0;
  // What is issued at one moment: a full CRL, a delta, or a full one and its
  // delta, in this order and under one number; all of it or nothing. Waits for
  // the disk. kAlreadyExists: that number, or a higher one, is there (another
  // server's): read again. kInvalidArgument: neither of the three. Of the CRLs
  // of a key those stay that somebody still needs: the newest full one, the
  // newest delta unless a full one has overtaken it, and the full one that this
  // delta builds on.
  virtual absl::Status AddCrls(const std::vector<StoredCrl>& crls,
                               const AuditEntry& audit) = 0;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_REVOCATION_STORE_H_
