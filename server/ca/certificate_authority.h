// The embedded CA: builds certificates and has them signed.
#ifndef SERVER_CA_CERTIFICATE_AUTHORITY_H_
#define SERVER_CA_CERTIFICATE_AUTHORITY_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "common/pki/extension.h"
#include "common/pki/name_constraints.h"
#include "server/ca/published_urls.h"
#include "server/ca/subscriber.h"

namespace bestow::server {

// Thread-safe. Decides nothing: what may be issued is policy's.
class CertificateAuthority {
 public:
  // kInvalidArgument: the key is not the certificate's, or the certificate is
  // not a CA's (basicConstraints, keyCertSign), or its name constraints are
  // malformed.
  static absl::StatusOr<std::shared_ptr<const CertificateAuthority>> Create(
      Certificate certificate, std::shared_ptr<Signer> signer);

  // The same CA, which says in what it issues where it publishes.
  // kInvalidArgument: one is no absolute URI.
  absl::StatusOr<std::shared_ptr<const CertificateAuthority>> WithUrls(
      const PublishedUrls& urls) const;

  const Certificate& certificate() const { return certificate_; }
  // nullopt: it may issue any name.
  const std::optional<NameConstraints>& name_constraints() const {
    return name_constraints_;
  }
  // The CA's key, for what else it signs: the keys that /serverkeygen makes
  // (RFC 7030 4.4.2).
  Signer& signer() const { return *signer_; }

  // Issues `contents` for the key `spki`: an end entity's certificate
  // (CA:FALSE) with a TimeOrderedSerial() of `now`, that ends when the CA's
  // does at the latest. kFailedPrecondition: the CA's own certificate is
  // not valid at `now`. kPermissionDenied: its name constraints don't permit
  // the names, so that no verifier would take the certificate.
  // `done` is called once, from any thread, perhaps before Issue() returns.
  using Done = std::function<void(absl::StatusOr<Certificate>)>;
  void Issue(const SubscriberContents& contents, ByteView spki, absl::Time now,
             Done done) const;

 private:
  CertificateAuthority(Certificate certificate, std::shared_ptr<Signer> signer,
                       std::optional<NameConstraints> name_constraints,
                       std::vector<Extension> urls)
      : certificate_(std::move(certificate)),
        signer_(std::move(signer)),
        name_constraints_(std::move(name_constraints)),
        urls_(std::move(urls)) {}

  const Certificate certificate_;
  const std::shared_ptr<Signer> signer_;
  const std::optional<NameConstraints> name_constraints_;
  const std::vector<Extension> urls_;  // AIA, CDP, freshestCRL
};

// A self-signed CA certificate for `signer`'s key: CN=`name`, path length 0.
// Waits for the signer.
absl::StatusOr<Certificate> CreateRootCertificate(const std::string& name,
                                                  Signer& signer,
                                                  absl::Time now,
                                                  absl::Duration validity);

// What the EST server's own TLS certificate says: `hosts` (DNS names and IP
// addresses) as SANs, serverAuth, and id-kp-cmcRA (RFC 7030 3.6.1).
absl::StatusOr<SubscriberContents> TlsServerContents(
    const std::vector<std::string>& hosts, absl::Duration validity);

}  // namespace bestow::server

#endif  // SERVER_CA_CERTIFICATE_AUTHORITY_H_
