// Certificates of CAs: a root's, an issuing CA's below it, and the request for
// one that an outside root signs.
#ifndef SERVER_CA_CA_CERTIFICATE_H_
#define SERVER_CA_CA_CERTIFICATE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "common/pki/certificate_policies.h"
#include "common/pki/name.h"
#include "common/pki/name_constraints.h"
#include "common/pki/pkcs10.h"
#include "server/ca/certificate_authority.h"
#include "server/ca/published_urls.h"

namespace bestow::server {

struct CaContents {
  Name subject;             // not empty (RFC 5280 4.1.2.6)
  absl::Duration validity;  // from now
  // How many CAs may stand below this one; nullopt: any number.
  std::optional<uint64_t> path_length = 0;
  NameConstraints constraints;  // both lists empty: none
  std::vector<CertificatePolicy> policies;
  PublishedUrls urls;  // where its issuer publishes
};

// Waits for the signer. kInvalidArgument: no subject, a validity of nothing.
absl::StatusOr<Certificate> CreateRootCa(const CaContents& contents,
                                         Signer& signer, absl::Time now);

// For the key `spki`, by `issuer`, whose key it waits for; ends when the
// issuer's does at the latest. kInvalidArgument as above, and: the issuer's own
// name or key; a key of no KeyType. kFailedPrecondition: the issuer may have no
// CA below it, or none with so long a path below it again (RFC 5280 4.2.1.9);
// it is not valid now. kPermissionDenied: its name constraints don't permit the
// subject.
absl::StatusOr<Certificate> CreateCaBelow(const CaContents& contents,
                                          ByteView spki,
                                          const CertificateAuthority& issuer,
                                          absl::Time now);

// A DER PKCS#10 request that asks for what `contents` say but for validity and
// URLs, which are the root's to know. Waits for the signer.
absl::StatusOr<Bytes> CreateCaRequest(const CaContents& contents,
                                      Signer& signer);

// Takes subject, path length and name constraints from a request: what can only
// narrow. A request that names no path length gets 0. kInvalidArgument: it is
// not signed by its own key, asks for no CA, or is malformed.
absl::StatusOr<CaContents> CaContentsOfRequest(const Pkcs10Request& request);

// From the certificate of the key `spki` up to the self-signed root, whatever
// the order of `certificates`. kInvalidArgument, saying what is missing: none
// is the key's, one has no issuer among them, some are no part of the chain.
absl::StatusOr<std::vector<Certificate>> OrderChain(
    std::vector<Certificate> certificates, ByteView spki);

// Whether verifiers would take what this CA issues: has `signer` sign an end
// entity's certificate that nobody gets, and X509_verify_cert judge the path of
// it to the last of `chain` (dates, path lengths, key usages, critical
// extensions, key strengths); the root's own path length counts as well.
// kFailedPrecondition with the reason.
absl::Status CheckIssues(const std::vector<Certificate>& chain, Signer& signer,
                         absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_CA_CA_CERTIFICATE_H_
