// The last steps of an issuance: sign, store, and only then hand out.
#ifndef SERVER_EST_ISSUING_H_
#define SERVER_EST_ISSUING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/certificate.h"
#include "server/ca/subscriber.h"
#include "server/est/exchange.h"
#include "server/est/services.h"
#include "server/store/store.h"

namespace bestow::server {

// What has been decided.
struct IssueOrder {
  SubscriberContents contents;
  Bytes spki;
  int64_t identity_id = 0;  // 0: `identity` registers itself
  std::string identity;
  std::string operation;              // for the record
  bool is_server_key = false;         // made by /serverkeygen
  std::optional<int64_t> secret_id;   // the one-time secret that is used up
  std::optional<int64_t> pending_id;  // the operator's word that is used up
  Bytes replaces_serial;  // of the certificate that it renews; empty: none
};

// One issuance. Its steps end on threads of the signer and of the store; each
// next one runs on the loop's.
class Issuing : public std::enable_shared_from_this<Issuing> {
 public:
  // Called on the loop's thread, once, after the record is on the disk; with
  // an older certificate when a one-time secret came again with its key.
  // Failures are Refuse()s or mean kInternal or kBusy.
  using Done = std::function<void(absl::StatusOr<Bytes> certificate_der)>;

  static void Start(const Services& services,
                    std::shared_ptr<Exchange> exchange, IssueOrder order,
                    Done done);
  // The same with a certificate that another CA has signed already. One that
  // is recorded for this identity and label already is handed out again; one
  // whose serial number another has is kUpstreamReply.
  static void Record(const Services& services,
                     std::shared_ptr<Exchange> exchange, IssueOrder order,
                     const Certificate& certificate, Done done);

 private:
  Issuing(const Services& services, std::shared_ptr<Exchange> exchange,
          IssueOrder order, Done done)
      : services_(services),
        exchange_(std::move(exchange)),
        order_(std::move(order)),
        done_(std::move(done)) {}

  void Sign();
  void OnSigned(absl::StatusOr<Certificate> certificate);
  // An upstream repeats what it has issued.
  bool IsRecorded(const Certificate& certificate) const;
  void OnStored(const Certificate& certificate, absl::StatusOr<Issued> issued);

  const Services services_;
  const std::shared_ptr<Exchange> exchange_;
  const IssueOrder order_;
  const Done done_;
  bool signed_elsewhere_ = false;
  int attempts_ = 0;
};

}  // namespace bestow::server

#endif  // SERVER_EST_ISSUING_H_
