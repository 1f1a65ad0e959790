// An enrollment that another EST server signs (RFC 7030 3.7).
#ifndef SERVER_EST_FORWARDING_H_
#define SERVER_EST_FORWARDING_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/pki/pkcs10.h"
#include "server/est/exchange.h"
#include "server/est/issuing.h"
#include "server/est/services.h"
#include "server/upstream/forwarder.h"

namespace bestow::server {

// What has been decided, as for Issuing; and the request, which goes on as the
// device signed it.
struct ForwardingOrder {
  IssueOrder issue;
  Pkcs10Request request;
};

struct ForwardingAnswer {
  std::optional<Bytes> certificate_der;  // nullopt: it waits upstream (202)
  absl::Duration retry_after;
};

// One request's way to the upstream and back. What has to outlive a crash is on
// the disk before anything is sent: that a first enrollment is under way, and
// that its one-time secret serves this key and no other. What comes back is
// recorded before it is handed out, also when the device is gone by then.
class Forwarding : public std::enable_shared_from_this<Forwarding> {
 public:
  // Called on the loop's thread, once. Failures are Refuse()s or mean kInternal
  // or kBusy: kNotGranted (names that the profile does not give),
  // kUpstreamRefused, kUpstreamDown, kUpstreamBusy, kUpstreamReply, kDenied,
  // kSecretSpent, kRevoked, kKeyCompromised, kNotRegistered, kTooManyLive.
  using Done = std::function<void(absl::StatusOr<ForwardingAnswer>)>;

  static void Start(const Services& services,
                    std::shared_ptr<Exchange> exchange, ForwardingOrder order,
                    Done done);

 private:
  Forwarding(const Services& services, std::shared_ptr<Exchange> exchange,
             ForwardingOrder order, Done done)
      : services_(services),
        exchange_(std::move(exchange)),
        order_(std::move(order)),
        done_(std::move(done)) {}

  const UpstreamConfig& config() const {
    return exchange_->service().config.upstream;
  }
  void Check();
  void OnChecked(const absl::Status& status);
  void Reserve();
  void OnReserved(absl::StatusOr<PendingRequest> reserved);
  // What the key got before, whose reply was lost.
  void Repeat();
  absl::StatusOr<CertificateRecord> FindIssued() const;
  void Send();
  void OnAnswer(ForwardAnswer answer);
  void Record(const Certificate& certificate);
  void NoteUnrecorded(const Certificate& certificate, const absl::Status& why);
  void SignHere(std::string_view why);
  void OnIssued(absl::StatusOr<Bytes> certificate_der);

  const Services services_;
  const std::shared_ptr<Exchange> exchange_;
  ForwardingOrder order_;
  const Done done_;
};

}  // namespace bestow::server

#endif  // SERVER_EST_FORWARDING_H_
