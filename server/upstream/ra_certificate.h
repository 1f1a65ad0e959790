// The certificate by which this server is a registration authority upstream.
#ifndef SERVER_UPSTREAM_RA_CERTIFICATE_H_
#define SERVER_UPSTREAM_RA_CERTIFICATE_H_

#include <string>
#include <utility>

#include "server/upstream/own_certificate.h"
#include "server/upstream/upstream_files.h"

namespace bestow::server {

// UpstreamFiles' ra.pem, with the name `username`; the first comes by that
// name's secret. May be of another CA than the upstream's own, when it was put
// there by hand: it is used until its end.
class RaCertificate : public OwnCertificate {
 public:
  RaCertificate(UpstreamFiles files, std::string username)
      : files_(std::move(files)), username_(std::move(username)) {}

  std::string_view What() const override {
    return "the registration authority's certificate";
  }
  PathPurpose purpose() const override { return PathPurpose::kTlsClient; }
  double renew_at() const override { return 2.0 / 3.0; }
  bool new_key() const override { return true; }

  absl::StatusOr<OwnCredential> Load() const override {
    return files_.LoadCredential();
  }
  absl::Status Save(const OwnCredential& credential) override {
    return files_.SaveCredential(credential);
  }
  bool IsUsable(const OwnCredential& present, const Trust& trust,
                absl::Time now) const override;
  bool CanRenew(const OwnCredential&, const Trust&, absl::Time) const override {
    return true;
  }
  bool WantsOtherNames(const Certificate&) const override { return false; }
  absl::Status SetNames(Pkcs10Template& wanted) const override;
  absl::StatusOr<std::optional<TlsCredential>> Introducer() const override {
    return std::optional<TlsCredential>();
  }
  absl::Status Finish(OwnCredential&, const Trust&,
                      const Certificate*) const override {
    return absl::OkStatus();
  }
  void OnFailure(const absl::Status&, int, const Certificate*, absl::Time,
                 absl::Time) override {}

 private:
  const UpstreamFiles files_;
  const std::string username_;
};

}  // namespace bestow::server

#endif  // SERVER_UPSTREAM_RA_CERTIFICATE_H_
