// A certificate of this server's own that an upstream issues: what is asked
// for, what it has to be, where it lies.
#ifndef SERVER_UPSTREAM_OWN_CERTIFICATE_H_
#define SERVER_UPSTREAM_OWN_CERTIFICATE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto/signer.h"
#include "common/est_client/trust.h"
#include "common/pki/certificate.h"
#include "common/pki/path.h"
#include "common/pki/pkcs10.h"
#include "common/tls/tls_context.h"

namespace bestow::server {

struct OwnCredential {
  std::shared_ptr<SoftwareSigner> key;
  std::vector<Certificate> chain;  // its certificate first

  bool operator==(const OwnCredential& other) const {
    return chain == other.chain &&
           key->public_key_spki() == other.key->public_key_spki();
  }
};

TlsCredential ToTlsCredential(const OwnCredential& credential);

// Belongs to the thread of the UpstreamKeeper that asks for it.
class OwnCertificate {
 public:
  virtual ~OwnCertificate() = default;

  // "the registration authority's certificate"
  virtual std::string_view What() const = 0;
  // What CheckIssued() holds a new one to.
  virtual PathPurpose purpose() const = 0;
  // The share of its time after which it is renewed.
  virtual double renew_at() const = 0;
  // Whether each one has a key of its own.
  virtual bool new_key() const = 0;

  // kNotFound: there is none. Else kFailedPrecondition, naming the file.
  virtual absl::StatusOr<OwnCredential> Load() const = 0;
  // Replaces it as a whole, durably, before it is used.
  virtual absl::Status Save(const OwnCredential& credential) = 0;

  // Whether `present` is one of this upstream's that can be used now. If not, a
  // first enrollment takes its place.
  virtual bool IsUsable(const OwnCredential& present, const Trust& trust,
                        absl::Time now) const = 0;
  // Whether a usable one can say who renews it, as TLS client certificate; else
  // a first enrollment takes its place when it is time.
  virtual bool CanRenew(const OwnCredential& present, const Trust& trust,
                        absl::Time now) const = 0;
  // Whether a usable one is to be replaced before its time, for its names: by
  // a first enrollment, for a renewal can't change them (RFC 7030 4.2.2).
  virtual bool WantsOtherNames(const Certificate& present) const = 0;

  // The names of a first request.
  virtual absl::Status SetNames(Pkcs10Template& wanted) const = 0;
  // Who shows the first request, over TLS; nullopt: a name and a secret say it
  // over HTTP. Errors: it can't be shown now.
  virtual absl::StatusOr<std::optional<TlsCredential>> Introducer() const = 0;
  // Checks what CheckIssued() does not look at, and adds to the chain what it
  // is to be shown with. `renewed`: whose names it has to have; null: those of
  // SetNames().
  virtual absl::Status Finish(OwnCredential& issued, const Trust& trust,
                              const Certificate* renewed) const = 0;

  // It was due and was not got, for the `failures`th time in a row; `status`
  // says why, kPermissionDenied: by the upstream's word. `present`: what there
  // is, usable or not; may be null.
  virtual void OnFailure(const absl::Status& status, int failures,
                         const Certificate* present, absl::Time now,
                         absl::Time next_try) = 0;
};

}  // namespace bestow::server

#endif  // SERVER_UPSTREAM_OWN_CERTIFICATE_H_
