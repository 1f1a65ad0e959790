// A CA with all that /cacerts shows of it (RFC 7030 4.1.3).
#ifndef SERVER_CA_CA_BUNDLE_H_
#define SERVER_CA_CA_BUNDLE_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "server/ca/certificate_authority.h"

namespace bestow::server {

// The CA's next key: shown ahead, so that clients know it when it issues.
struct NextCa {
  std::shared_ptr<const CertificateAuthority> authority;
  // As CaBundle has them, seen from the new key.
  std::vector<Certificate> chain;
  std::vector<Certificate> rollover;
  absl::Time switch_at;  // InfiniteFuture: when the operator says so
};

struct CaBundle {
  std::shared_ptr<const CertificateAuthority> authority;
  // From the issuing CA's certificate up to the self-signed root; one for a
  // root that issues by itself.
  std::vector<Certificate> chain;
  // After a rollover of the root (RFC 4210 4.4): of OldWithOld, OldWithNew and
  // NewWithOld those that are there, in this order. NewWithNew is in `chain`.
  std::vector<Certificate> rollover;
  // Earlier keys of this CA, the latest first: they issue nothing, and sign
  // the CRLs and OCSP answers of what they issued until that is over.
  std::vector<std::shared_ptr<const CertificateAuthority>> former;
  // Their chains and rollovers, which lead from one root to the next.
  std::vector<Certificate> former_certificates;
  std::optional<NextCa> next;

  // All of it, each once, as /cacerts has it.
  std::vector<Certificate> All() const;
  // What certificates of this CA are checked against: those by its key of
  // today, by its former ones, and by the next, which another server may have
  // switched to already.
  std::vector<Certificate> Anchors() const;
};

// kInvalidArgument, saying what is wrong and with which certificate: `signer`
// is not the first one's key; one is no CA's (CA:TRUE, keyCertSign); a
// signature or a name does not link it to the next; the last is not
// self-signed; a rollover's certificate has not exactly the name of a
// self-signed CA of the chain, is by other keys, or is there twice.
// NOT checked: dates (what is over is shown until it is removed).
absl::StatusOr<CaBundle> MakeCaBundle(std::vector<Certificate> chain,
                                      const std::vector<Certificate>& rollover,
                                      std::shared_ptr<Signer> signer);

// These two change nothing when they fail. They take bundles that
// MakeCaBundle() made, of which they look at authority, chain and rollover.
//
// `earlier`: of a key that was this CA's before those that are there.
// kInvalidArgument: another name, a key that is there already.
absl::Status AddFormer(const CaBundle& earlier, CaBundle& bundle);
// kInvalidArgument: another name, the same key, or another root that `next`
// has no OldWithOld and NewWithOld for: no client would have a word for it.
absl::Status SetNext(const CaBundle& next, absl::Time switch_at,
                     CaBundle& bundle);

// A certificate with `subject`'s name, key and extensions of a CA, signed by
// `issuer`, which has the same name and another key: OldWithNew or NewWithOld
// (RFC 4210 4.4), valid from when `subject` is, until the first of both ends.
// Waits for the signer.
// kInvalidArgument: other names, the same key, `signer` is not the issuer's.
absl::StatusOr<Certificate> CreateLinkCertificate(const Certificate& subject,
                                                  const Certificate& issuer,
                                                  Signer& signer);

}  // namespace bestow::server

#endif  // SERVER_CA_CA_BUNDLE_H_
