// Keeps what this server needs at an upstream: whom to trust, a certificate of
// its own, and what the upstream wants in requests.
#ifndef SERVER_UPSTREAM_UPSTREAM_KEEPER_H_
#define SERVER_UPSTREAM_UPSTREAM_KEEPER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/est_client/est_client.h"
#include "common/est_client/http_login.h"
#include "common/est_client/trust.h"
#include "common/net/event_loop.h"
#include "common/tls/tls_context.h"
#include "server/config/upstream_config.h"
#include "server/upstream/own_certificate.h"
#include "server/upstream/upstream_files.h"

namespace bestow::server {

// The first trust is the config's (RFC 7030 4.1.1, 4.1.3); the first
// certificate comes by username and secret, or by whoever introduces it
// (OwnCertificate); both then follow by themselves: /cacerts by
// UpdateCaCerts()'s rules, the certificate by /simplereenroll once it is time.
// What fails is tried again with growing pauses, and never before the upstream
// said (Retry-After).
// Belongs to its loop's thread; destroying it ends what is under way.
class UpstreamKeeper {
 public:
  struct Options {
    UpstreamConnection connection;
    std::string state_dir;
    const Clock* clock = nullptr;  // outlives it
    std::function<void(const std::string&)> log;
    std::unique_ptr<OwnCertificate> own;
    // Whether others want csr_attrs().
    bool keeps_csr_attrs = true;
    // Calls `fn` once so much later, on the loop's thread, until what it gave
    // is destroyed. For tests; null: the loop's timers.
    using Sleep = std::function<std::shared_ptr<void>(
        absl::Duration pause, std::function<void()> fn)>;
    Sleep sleep;
    // Trust or credential are others than before.
    std::function<void()> on_change;
    // With what was learned, when that is other than before; it is on the
    // disk. May be null.
    std::function<void(const std::vector<Certificate>&)> on_ca_certs;
  };

  // Reads the folder. kFailedPrecondition, naming the file.
  static absl::StatusOr<std::unique_ptr<UpstreamKeeper>> Create(
      EventLoop& loop, Options options);
  ~UpstreamKeeper();

  // Begins with whatever is due.
  void Start();

  // Takes up what others changed on the disk: the file of anchors, the
  // certificate. As before: what is under way goes on. Else that ends, and what
  // is due begins anew. After a failure, as Create()'s, nothing has changed.
  absl::Status Reload();

  const Trust& trust() const { return kept_.trust; }
  // With the credential, for forwarding. kUnavailable: there is none that can
  // be used; kPermissionDenied: and the upstream refuses another.
  absl::StatusOr<std::shared_ptr<const TlsContext>> ForwardingTls() const;
  // The common name of its certificate; "" without one.
  std::string own_name() const;
  // As in Forwarder::CsrAttrs().
  const std::optional<Bytes>& csr_attrs() const { return csr_attrs_; }

 private:
  // By whom the server is authenticated, and who we are.
  enum class Channel { kPinned, kAnchors, kIntroducer, kCredential };

  // What is on the disk.
  struct Kept {
    std::vector<Certificate> configured;  // the config's anchors
    std::string source;                   // TrustSource()
    std::vector<Certificate> learned;
    Trust trust;
    std::optional<OwnCredential> credential;
  };

  UpstreamKeeper(EventLoop& loop, Options options, UpstreamFiles files);
  absl::StatusOr<Kept> Read() const;
  void TakeCredential(std::optional<OwnCredential> credential);
  bool has_credential(absl::Time now) const;
  absl::Time RenewalTime() const;
  bool OwnIsDue(absl::Time now) const;

  // One step after the other until nothing is due; then waits.
  void Next();
  void WaitUntil(absl::Time due);
  void Succeed();
  void Fail(std::string_view what, const absl::Status& status,
            std::optional<absl::Duration> retry_after = std::nullopt);
  void Refused(std::string_view what, const EstReply& reply);

  absl::StatusOr<std::shared_ptr<const TlsContext>> MakeTls(
      Channel channel) const;
  // Calls `use` over a new connection, or fails the step.
  void Connect(std::string_view what, Channel channel,
               std::function<void()> use);
  void Disconnect();

  void FetchCaCerts(Channel channel);
  void TakeCaCerts(const absl::StatusOr<EstReply>& reply, Channel channel);
  void FetchCsrAttrs();
  // For those of others, or before a request of our own.
  void AskCsrAttrs(std::string_view what, std::function<void()> then);

  // Of its own certificate: own_enrollment.cc.
  void Enroll(bool renew);
  std::string What(bool renew) const;
  absl::Status ChooseLogin(bool renew);
  absl::Status PrepareKey();
  absl::StatusOr<Bytes> MakeCsr(bool renew) const;
  void SendCsr(bool renew);
  void TakeIssued(const absl::StatusOr<EstReply>& reply, bool renew);

  EventLoop& loop_;
  const Options options_;
  const UpstreamFiles files_;
  Kept kept_;
  absl::Time obtained_at_;                // of the credential
  std::vector<std::string> refused_cas_;  // as logged last
  std::shared_ptr<SoftwareSigner> next_key_;
  std::optional<Bytes> csr_attrs_;
  absl::Time ca_certs_due_ = absl::InfinitePast();
  absl::Time csr_attrs_due_ = absl::InfinitePast();

  int failures_ = 0;      // in a row
  int asked_again_ = 0;   // of this step, for a challenge
  bool refused_ = false;  // the last failure was the upstream's word
  bool renewal_refused_ = false;
  std::optional<HttpLogin> login_;
  std::unique_ptr<EstClient> client_;
  std::unique_ptr<EventLoop::Timer> deadline_;  // of the step
  std::shared_ptr<void> sleep_;                 // until the next
};

}  // namespace bestow::server

#endif  // SERVER_UPSTREAM_UPSTREAM_KEEPER_H_
