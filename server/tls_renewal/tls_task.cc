#include "server/tls_renewal/tls_task.h"

#include <algorithm>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "server/tls_renewal/tls_plan.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kMinDelay = absl::Seconds(1);
constexpr absl::Duration kFirstDelay = absl::Minutes(1);
constexpr absl::Duration kMaxDelay = absl::Hours(1);
constexpr int kMaxDoublings = 6;  // to over an hour
constexpr int kTriesWithinWhatIsLeft = 10;

std::string Utc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace

absl::Duration TlsRetryDelay(int failures, absl::Duration left) {
  const int doublings = std::clamp(failures - 1, 0, kMaxDoublings);
  absl::Duration delay = std::min(kFirstDelay * (1 << doublings), kMaxDelay);
  if (left > absl::ZeroDuration()) {
    delay = std::min(delay, left / kTriesWithinWhatIsLeft);
  }
  return std::max(delay, kMinDelay);
}

absl::Status TlsTask::Renew(const ServerState& state, const CaBundle& ca,
                            absl::Time now) {
  absl::StatusOr<TlsFiles> files =
      RenewTls(options_.tls_folder, state.materials.tls_certificate,
               state.tls_signer, ca, state.config, *options_.store, now);
  if (!files.ok()) return files.status();
  return options_.serve(*std::move(files));
}

absl::Time TlsTask::Run(absl::Time now) {
  const std::shared_ptr<const ServerState> state = options_.state();
  const Certificate& present = state->materials.tls_certificate;
  const TlsPlan plan =
      PlanTlsRenewal(present, state->materials.cas, state->config.tls,
                     state->config.hostnames, now);
  if (plan.ca == nullptr || now < plan.due) {
    failures_ = 0;
    return plan.due;
  }
  // A reload wakes this too. A clock that was set back must not stop it.
  if (now < not_before_ && not_before_ - now <= kMaxDelay) return not_before_;
  // The present one may be of days when they lasted longer.
  const absl::Duration left =
      std::min(present.not_after - now, state->config.tls.validity);
  absl::Status status = Renew(*state, *plan.ca, now);
  failures_ = status.ok() ? 0 : failures_ + 1;
  not_before_ = now + TlsRetryDelay(failures_, left);
  if (status.ok()) {
    LOG(INFO) << "renewed the server's TLS certificate: " << plan.why;
    return not_before_;
  }
  LOG(ERROR) << "the server's TLS certificate, which ends at "
             << Utc(present.not_after) << ", is to be renewed (" << plan.why
             << ") and was not: " << status.message() << "; tried again at "
             << Utc(not_before_);
  AuditTlsFailure(*options_.store, status, now);
  return not_before_;
}

}  // namespace bestow::server
