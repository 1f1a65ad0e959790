// Delegated OCSP responders: a key in memory for each CA key, with a short
// certificate of that CA (RFC 6960 4.2.2.2, RFC 5019 2.2.2).
#ifndef SERVER_REVOCATION_OCSP_SIGNER_H_
#define SERVER_REVOCATION_OCSP_SIGNER_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/ocsp/cert_id.h"
#include "common/pki/certificate.h"
#include "server/revocation/issuing_key.h"
#include "server/store/store.h"

namespace bestow::server {

// Never changes once it is made.
struct OcspSigner {
  IssuingKey issuing_key;
  OcspIssuer issuer;  // by which requests name the CA
  std::shared_ptr<Signer> key;
  Bytes key_hash;  // ResponderID byKey
  Certificate certificate;
};

// A certificate for `spki` that is good for OCSP answers in the CA's name and
// nothing else (id-kp-OCSPSigning, id-pkix-ocsp-nocheck; no AIA and no CDP).
// Ends with the CA's at the latest. Waits for the CA's signer.
absl::StatusOr<Certificate> CreateOcspCertificate(const IssuingKey& issuing_key,
                                                  ByteView spki, absl::Time now,
                                                  absl::Duration validity);

class OcspSigners {
 public:
  struct Options {
    // Those of now. Thread-safe.
    std::function<std::shared_ptr<const IssuingKeys>()> keys;
    Store* store = nullptr;  // outlives it
  };
  explicit OcspSigners(Options options) : options_(std::move(options)) {}

  // A task of the Housekeeper, and for its thread alone: makes and renews. Each
  // certificate is in the store before it is used. Logs what fails.
  absl::Time Run(absl::Time now);

  // Thread-safe. nullptr: `id` is of no CA here, or its signer could not be
  // made.
  std::shared_ptr<const OcspSigner> Find(const OcspCertId& id) const;

 private:
  using Signers = std::vector<std::shared_ptr<const OcspSigner>>;
  std::shared_ptr<const OcspSigner> FindFor(const IssuingKey& key) const;
  absl::StatusOr<std::shared_ptr<const OcspSigner>> Make(const IssuingKey& key,
                                                         absl::Time now);
  absl::Status Record(const Certificate& certificate, const IssuingKey& key,
                      absl::Time now);

  const Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Signers> signers_ = std::make_shared<Signers>();
};

}  // namespace bestow::server

#endif  // SERVER_REVOCATION_OCSP_SIGNER_H_
