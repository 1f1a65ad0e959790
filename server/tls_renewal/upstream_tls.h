// The server's own TLS certificate, where an upstream issues it.
#ifndef SERVER_TLS_RENEWAL_UPSTREAM_TLS_H_
#define SERVER_TLS_RENEWAL_UPSTREAM_TLS_H_

#include <functional>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "server/config/tls_config.h"
#include "server/store/store.h"
#include "server/tls_renewal/renew_tls.h"
#include "server/upstream/own_certificate.h"

namespace bestow::server {

// Recorded, then on the disk as a whole (ReplaceTlsFiles()), then served.
// Saving waits for the store. Whatever is there is served until then.
class UpstreamTls : public OwnCertificate {
 public:
  struct Options {
    TlsWish wish;
    std::string state_dir;
    std::string tls_folder;
    // For connections that begin from now on.
    std::function<absl::Status(TlsFiles files)> serve;
    Store* store = nullptr;        // outlives it
    const Clock* clock = nullptr;  // outlives it
  };
  explicit UpstreamTls(Options options) : options_(std::move(options)) {}

  std::string_view What() const override {
    return "this server's TLS certificate";
  }
  PathPurpose purpose() const override { return PathPurpose::kTlsServer; }
  double renew_at() const override { return options_.wish.config.fraction; }
  bool new_key() const override { return options_.wish.config.new_key; }

  absl::StatusOr<OwnCredential> Load() const override;
  absl::Status Save(const OwnCredential& credential) override;
  // It has a path to the upstream's anchors, as a server's.
  bool IsUsable(const OwnCredential& present, const Trust& trust,
                absl::Time now) const override;
  // A server's alone (without clientAuth) can't.
  bool CanRenew(const OwnCredential& present, const Trust& trust,
                absl::Time now) const override;
  bool WantsOtherNames(const Certificate& present) const override;
  absl::Status SetNames(Pkcs10Template& wanted) const override;
  absl::StatusOr<std::optional<TlsCredential>> Introducer() const override;
  // Each hostname is in it; or, after a renewal, those that were. The root
  // goes into the chain: clients may know it by its fingerprint alone.
  absl::Status Finish(OwnCredential& issued, const Trust& trust,
                      const Certificate* renewed) const override;
  // In the log each time, with the next step; in the audit log when it is
  // another failure, or an hour later.
  void OnFailure(const absl::Status& status, int failures,
                 const Certificate* present, absl::Time now,
                 absl::Time next_try) override;

 private:
  const Options options_;
  std::string audited_;  // the last failure that was
  absl::Time audited_at_ = absl::InfinitePast();
};

}  // namespace bestow::server

#endif  // SERVER_TLS_RENEWAL_UPSTREAM_TLS_H_
