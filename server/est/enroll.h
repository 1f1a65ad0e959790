// POST /simpleenroll, /simplereenroll and /serverkeygen (RFC 7030 4.2, 4.4).
#ifndef SERVER_EST_ENROLL_H_
#define SERVER_EST_ENROLL_H_

#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "common/crypto/key_type.h"
#include "common/est/protocol.h"
#include "common/pki/pkcs10.h"
#include "server/auth/authenticator.h"
#include "server/ca/subscriber.h"
#include "server/est/enrollee.h"
#include "server/est/exchange.h"
#include "server/est/issuing.h"
#include "server/est/key_maker.h"
#include "server/est/key_recipient.h"
#include "server/est/rate_limit.h"
#include "server/est/server_key.h"
#include "server/est/services.h"

namespace bestow::server {

// The steps of one enrollment: authenticate, check the request, decide, wait
// for the operator where he is asked, make the key where the server makes it,
// issue, reply. Each may end on another thread; the next runs on the loop's.
class Enrollment : public std::enable_shared_from_this<Enrollment> {
 public:
  // What all enrollments share beside the Services; outlives them.
  struct Shared {
    KeyMaker& key_maker;
    RateLimit& rate_limit;
  };

  static void Start(const Services& services, const Shared& shared,
                    est::Operation operation,
                    std::shared_ptr<Exchange> exchange);

 private:
  Enrollment(const Services& services, const Shared& shared,
             est::Operation operation, std::shared_ptr<Exchange> exchange)
      : services_(services),
        shared_(shared),
        operation_(operation),
        exchange_(std::move(exchange)) {}

  bool is_renewal() const {
    return operation_ == est::Operation::kSimpleReenroll;
  }
  bool is_server_key() const {
    return operation_ == est::Operation::kServerKeyGen;
  }
  const ServiceConfig& config() const { return exchange_->service().config; }

  // Before it is known who asks: nothing that costs much.
  absl::Status CheckForm() const;
  void OnAuthenticated(absl::StatusOr<Principal> principal);
  // The CSR, for whom it is, and each of its links and challenges.
  absl::Status CheckRequest();
  // The certificate's contents, and the recipient of a server-made key.
  absl::Status Decide();
  absl::StatusOr<SubscriberContents> DecideOnRenewal();
  void Approve();
  // Counted here: a client that waits for the operator costs the label nothing.
  void CountAndGoOn();
  void MakeKey();
  void Issue(Bytes spki);
  // Where this label has an upstream that signs.
  void Forward(IssueOrder order);
  void ReplyWith(const Bytes& certificate_der);

  const Services services_;
  const Shared shared_;
  const est::Operation operation_;
  const std::shared_ptr<Exchange> exchange_;
  Principal principal_;
  Enrollee enrollee_;
  Pkcs10Request request_;
  std::optional<KeyType> key_type_;
  std::optional<int64_t> secret_id_;
  std::optional<int64_t> pending_id_;
  absl::Time asked_at_;  // with a pending_id_: when that came first
  SubscriberContents contents_;
  KeyRecipient recipient_;
  std::shared_ptr<ServerKey> server_key_;
};

}  // namespace bestow::server

#endif  // SERVER_EST_ENROLL_H_
