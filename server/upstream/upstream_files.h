// What an upstream's folder holds: the registration authority's credential,
// the key of a certificate under way, and what was learned of /cacerts.
#ifndef SERVER_UPSTREAM_UPSTREAM_FILES_H_
#define SERVER_UPSTREAM_UPSTREAM_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "server/upstream/own_certificate.h"

namespace bestow::server {

// Each file changes as a whole, durably. Errors name the file.
class UpstreamFiles {
 public:
  // `folder`: absolute; made by the first that is saved.
  explicit UpstreamFiles(std::string folder) : folder_(std::move(folder)) {}

  // ra.pem: the key ("PRIVATE KEY") and then the certificates, so that the two
  // change as one. kNotFound: there is none yet. kFailedPrecondition: it can't
  // be used, or the key is not the certificate's.
  absl::StatusOr<OwnCredential> LoadCredential() const;
  absl::Status SaveCredential(const OwnCredential& credential) const;

  // next.pem: the key that a certificate was or will be asked for. It is on the
  // disk before that, for a one-time secret serves one key alone.
  // kNotFound: none.
  absl::StatusOr<std::shared_ptr<SoftwareSigner>> LoadNextKey() const;
  absl::Status SaveNextKey(const SoftwareSigner& key) const;
  // Once it has its certificate. One that stays after a crash is the
  // credential's own key.
  absl::Status RemoveNextKey() const;

  // cacerts.pem: CaUpdate::learned, under the configuration of trust that
  // `source` says (TrustSource()); none when there is no file, or one of
  // another source.
  absl::StatusOr<std::vector<Certificate>> LoadCaCerts(
      const std::string& source) const;
  absl::Status SaveCaCerts(const std::string& source,
                           const std::vector<Certificate>& learned) const;

 private:
  absl::Status Write(const std::string& name, ByteView content) const;
  std::string Path(const std::string& name) const;

  const std::string folder_;
};

}  // namespace bestow::server

#endif  // SERVER_UPSTREAM_UPSTREAM_FILES_H_
