#include "server/est/approval.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "server/est/status_table.h"
#include "server/est/store_refusal.h"
#include "server/store/store.h"

namespace bestow::server {
namespace {

absl::StatusOr<ApprovalAnswer> Judge(absl::StatusOr<PendingRequest> found,
                                     absl::Duration retry_after,
                                     LogFields& log) {
  if (absl::IsResourceExhausted(found.status()) ||
      absl::IsUnavailable(found.status())) {
    return RefuseUntil(Problem::kTooManyPending, found.status().message(),
                       retry_after);
  }
  if (!found.ok()) return RefusalOf(found.status());
  log.AddNote(
      absl::StrCat("request ", found->id, " ", PendingStateName(found->state)));
  switch (found->state) {
    case PendingRequest::State::kWaiting:
      return ApprovalAnswer{};
    case PendingRequest::State::kRefused:
      return Refuse(Problem::kDenied,
                    found->reason.empty()
                        ? "the operator refused this request"
                        : absl::StrCat("the operator refused this request: ",
                                       found->reason));
    case PendingRequest::State::kApproved:
    case PendingRequest::State::kIssued:  // its reply was lost, perhaps
      break;
  }
  return ApprovalAnswer{found->id, found->created_at};
}

}  // namespace

PendingRequest PendingOf(const ServiceConfig& config, int64_t identity_id,
                         const std::string& identity,
                         const std::string& operation,
                         const Pkcs10Request& request, absl::Time now) {
  PendingRequest pending;
  pending.label = config.label;
  pending.identity_id = identity_id;
  pending.identity = identity;
  const Sha256Digest key_hash = Sha256(request.spki);
  pending.key_sha256 = Bytes(key_hash.begin(), key_hash.end());
  pending.subject_der = request.subject.der();
  pending.operation = operation;
  pending.subject = request.subject.ToText();
  pending.csr = request.der;
  pending.created_at = now;
  pending.expires_at = now + config.enrollment.approval_expiry;
  return pending;
}

// 0: no limit.
size_t MaxPending(const ServiceLimits& limits) {
  return limits.pending_requests > 0
             ? static_cast<size_t>(limits.pending_requests)
             : std::numeric_limits<size_t>::max();
}

void AskForApproval(const Services& services,
                    std::shared_ptr<Exchange> exchange,
                    const Enrollee& enrollee, const Pkcs10Request& request,
                    const std::string& operation,
                    std::optional<int64_t> secret_id,
                    std::function<void(absl::StatusOr<ApprovalAnswer>)> done) {
  const ServiceConfig& config = exchange->service().config;
  PendingRequest pending = PendingOf(config, enrollee.id, enrollee.identity,
                                     operation, request, services.clock->Now());
  pending.secret_id = secret_id;
  pending.audit = exchange->MakeAuditEntry("waiting", "");
  services.store->FindOrAddPending(
      std::move(pending), MaxPending(config.limits),
      [exchange, retry_after = config.enrollment.approval_retry_after,
       done = std::move(done)](absl::StatusOr<PendingRequest> found) {
        exchange->Resume(
            [exchange, retry_after, done, found = std::move(found)] {
              done(Judge(found, retry_after, exchange->log()));
            });
      });
}

}  // namespace bestow::server
