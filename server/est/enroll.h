// POST /simpleenroll and /simplereenroll (RFC 7030 4.2).
#ifndef SERVER_EST_ENROLL_H_
#define SERVER_EST_ENROLL_H_

#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/est/protocol.h"
#include "common/pki/certificate.h"
#include "server/auth/authenticator.h"
#include "server/ca/subscriber.h"
#include "server/est/csr_check.h"
#include "server/est/exchange.h"
#include "server/store/store.h"

namespace bestow::server {

// The steps of one enrollment: authenticate, check the CSR, decide, sign,
// store, reply. Each may end on another thread; the next runs on the loop's.
class Enrollment : public std::enable_shared_from_this<Enrollment> {
 public:
  // What every enrollment uses; outlives them all.
  struct Services {
    Store* store = nullptr;
    Authenticator* authenticator = nullptr;
    const Clock* clock = nullptr;
  };

  static void Start(Services services, est::Operation operation,
                    std::shared_ptr<Exchange> exchange);

 private:
  Enrollment(Services services, est::Operation operation,
             std::shared_ptr<Exchange> exchange)
      : services_(services),
        operation_(operation),
        exchange_(std::move(exchange)) {}

  bool is_reenrollment() const {
    return operation_ == est::Operation::kSimpleReenroll;
  }
  void Authenticate();
  void AuthenticateReenrollment();
  void OnAuthenticated(absl::StatusOr<Principal> principal);
  // The rules of 4.2.2, for the CSR and for what would be issued.
  absl::Status CheckReenrollment() const;
  void Sign();
  void OnSigned(absl::StatusOr<Certificate> certificate);
  void OnStored(const Certificate& certificate, absl::StatusOr<Issued> issued);
  void ReplyWith(const Bytes& certificate_der);

  const Services services_;
  const est::Operation operation_;
  const std::shared_ptr<Exchange> exchange_;
  Principal principal_;
  std::optional<CheckedCsr> csr_;
  SubscriberContents contents_;
  int attempts_ = 0;
};

}  // namespace bestow::server

#endif  // SERVER_EST_ENROLL_H_
