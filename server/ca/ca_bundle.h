// A CA with all that /cacerts shows of it (RFC 7030 4.1.3).
#ifndef SERVER_CA_CA_BUNDLE_H_
#define SERVER_CA_CA_BUNDLE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "server/ca/certificate_authority.h"

namespace bestow::server {

struct CaBundle {
  std::shared_ptr<const CertificateAuthority> authority;
  // From the issuing CA's certificate up to the self-signed root; one for a
  // root that issues by itself.
  std::vector<Certificate> chain;
  // During a rollover (RFC 4210 4.4): of OldWithOld, OldWithNew and NewWithOld
  // those that are there, in this order. NewWithNew is in `chain`.
  std::vector<Certificate> rollover;

  // Chain and rollover, as /cacerts has them.
  std::vector<Certificate> All() const;
  // What certificates of this CA, by its key of today or before the rollover,
  // are checked against.
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

// A certificate with `subject`'s name, key and extensions of a CA, signed by
// `issuer`, which has the same name and another key: OldWithNew or NewWithOld
// (RFC 4210 4.4), valid as long as both. Waits for the signer.
// kInvalidArgument: other names, the same key, `signer` is not the issuer's.
absl::StatusOr<Certificate> CreateLinkCertificate(const Certificate& subject,
                                                  const Certificate& issuer,
                                                  Signer& signer);

}  // namespace bestow::server

#endif  // SERVER_CA_CA_BUNDLE_H_
