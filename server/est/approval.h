// Enrollments that wait for the operator (RFC 7030 4.2.3).
#ifndef SERVER_EST_APPROVAL_H_
#define SERVER_EST_APPROVAL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/pki/pkcs10.h"
#include "server/est/enrollee.h"
#include "server/est/exchange.h"
#include "server/est/services.h"

namespace bestow::server {

struct ApprovalAnswer {
  // The pending request that the issuance answers; nullopt: it still waits, and
  // the client comes back after the label's approval_retry_after.
  std::optional<int64_t> pending_id;
  absl::Time asked_at;  // when the request came first
};

// The request as the store keeps and finds it; to be given a state and the
// one-time secret.
PendingRequest PendingOf(const ServiceConfig& config, int64_t identity_id,
                         const std::string& identity,
                         const std::string& operation,
                         const Pkcs10Request& request, absl::Time now);
// For Store::FindOrAddPending().
size_t MaxPending(const ServiceLimits& limits);

// `done` is called on the loop's thread, once. A request that is new is on the
// disk by then. It is found again by label, identity, operation, and the CSR's
// key and subject: the rest of a linked CSR differs in every session (3.5).
// `secret_id`: the one-time secret that it came with; it may expire while the
// request waits.
// kDenied with the operator's reason, kTooManyPending, kSecretSpent,
// kNotGranted (of one that would register itself), or the store's failures.
void AskForApproval(const Services& services,
                    std::shared_ptr<Exchange> exchange,
                    const Enrollee& enrollee, const Pkcs10Request& request,
                    const std::string& operation,
                    std::optional<int64_t> secret_id,
                    std::function<void(absl::StatusOr<ApprovalAnswer>)> done);

}  // namespace bestow::server

#endif  // SERVER_EST_APPROVAL_H_
