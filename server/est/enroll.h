// POST /simpleenroll and /simplereenroll (RFC 7030 4.2).
#ifndef SERVER_EST_ENROLL_H_
#define SERVER_EST_ENROLL_H_

#include <memory>

#include "common/est/protocol.h"
#include "common/pki/pkcs10.h"
#include "server/auth/authenticator.h"
#include "server/ca/subscriber.h"
#include "server/est/exchange.h"
#include "server/est/services.h"

namespace bestow::server {

// The steps of one enrollment: authenticate, check the CSR, decide, issue,
// reply. Each may end on another thread; the next runs on the loop's.
class Enrollment : public std::enable_shared_from_this<Enrollment> {
 public:
  static void Start(const Services& services, est::Operation operation,
                    std::shared_ptr<Exchange> exchange);

 private:
  Enrollment(const Services& services, est::Operation operation,
             std::shared_ptr<Exchange> exchange)
      : services_(services),
        operation_(operation),
        exchange_(std::move(exchange)) {}

  bool is_reenrollment() const {
    return operation_ == est::Operation::kSimpleReenroll;
  }
  absl::Status CheckForm() const;
  void Authenticate();
  void AuthenticateReenrollment();
  void OnAuthenticated(absl::StatusOr<Principal> principal);
  // What the request must be (CheckCsr, CheckLinking).
  absl::Status CheckRequest();
  // What it gets; for a re-enrollment, the rules of 4.2.2.
  absl::Status Decide();
  void Issue();
  void ReplyWith(const Bytes& certificate_der);

  const Services services_;
  const est::Operation operation_;
  const std::shared_ptr<Exchange> exchange_;
  Principal principal_;
  Pkcs10Request request_;
  SubscriberContents contents_;
};

}  // namespace bestow::server

#endif  // SERVER_EST_ENROLL_H_
