// The machine between renewals: CA certificates, renewal information. Nothing
// that fails here touches the credential or the time of its renewal.
#include <algorithm>
#include <utility>

#include "agent/enroll/machine.h"

namespace bestow::agent {

absl::Time Machine::CheckupDue() const {
  return std::min(agenda_.next_cacerts.value_or(absl::InfiniteFuture()),
                  agenda_.next_info.value_or(absl::InfiniteFuture()));
}

void Machine::PlanCaCerts(absl::Time now) {
  agenda_.next_cacerts.reset();
  if (options_.cacerts_interval == absl::InfiniteDuration()) return;
  agenda_.next_cacerts = now + Jittered(options_.cacerts_interval, Draw());
}

void Machine::PlanInfo(std::optional<absl::Duration> retry_after,
                       absl::Time now) {
  agenda_.next_info.reset();
  if (options_.info_interval == absl::InfiniteDuration() || !credential_) {
    return;
  }
  agenda_.next_info =
      now + InfoDelay(options_.info_interval,
                      credential_->not_after - credential_->obtained_at,
                      retry_after, Draw());
}

void Machine::MendPlans(absl::Time now) {
  const bool asks_cacerts =
      options_.cacerts_interval != absl::InfiniteDuration();
  if (!asks_cacerts) {
    agenda_.next_cacerts.reset();
  } else if (!agenda_.next_cacerts) {
    // As good as any time; a fleet that was updated does not ask at once.
    agenda_.next_cacerts = now + options_.cacerts_interval * Draw();
  } else if (*agenda_.next_cacerts >
             now + Jittered(options_.cacerts_interval, 1)) {
    PlanCaCerts(now);
  }
  const bool asks_info = options_.info_interval != absl::InfiniteDuration();
  if (!asks_info || !agenda_.next_info ||
      *agenda_.next_info > now + kInfoDelayMax) {
    PlanInfo(std::nullopt, now);
  }
}

std::vector<Action> Machine::BeginCheckup(absl::Time now) {
  mode_ = Mode::kCheckup;
  // Who has to learn whom to trust can ask nothing else before.
  if (!has_trust_ || (agenda_.next_cacerts && now >= *agenda_.next_cacerts)) {
    step_ = Step::kCaCerts;
    return {action::FetchCaCerts{mode_, /*bootstrap=*/!has_trust_}};
  }
  step_ = Step::kRenewalInfo;
  return {action::FetchRenewalInfo{}};
}

std::vector<Action> Machine::CheckupFailed(const event::Failed& failed,
                                           absl::Time now) {
  const absl::Duration backoff =
      BackoffDelay(options_, ++checkup_failures_, Draw());
  const absl::Time again =
      now + (failed.retry_after ? ClampRetryAfter(*failed.retry_after)
                                : std::max(backoff, kRetryAfterMin));
  for (auto* plan : {&agenda_.next_cacerts, &agenda_.next_info}) {
    if (*plan) *plan = std::max(**plan, again);
  }
  Actions actions = {action::ReportProblem{failed.problem}};
  for (Action& action : RenewOrWait(now)) {
    actions.emplace_back(std::move(action));
  }
  return actions;
}

// What is under way finds out by itself, a checkup goes on to the enrollment,
// and a wait after a failure is a wait still.
std::vector<Action> Machine::On(const event::KeyLost& lost, absl::Time now) {
  if (!credential_ || step_ == Step::kNotStarted) return {};
  current_key_lost_ = true;
  if (step_ != Step::kWaiting || !waiting_for_renewal_) return {};
  Actions actions = {action::ReportProblem{lost.problem}};
  for (Action& action : Begin(now)) actions.emplace_back(std::move(action));
  return actions;
}

std::vector<Action> Machine::On(const event::RenewalInfoFetched& fetched,
                                absl::Time now) {
  if (step_ != Step::kRenewalInfo) return {};
  checkup_failures_ = 0;
  PlanInfo(fetched.retry_after, now);
  Actions actions;
  if (!fetched.window) {
    agenda_.window.reset();
  } else if (!TakeWindow(*fetched.window)) {
    actions.emplace_back(action::ReportProblem{
        "the server's renewal window makes no sense; it is ignored"});
  }
  for (Action& action : RenewOrWait(now)) {
    actions.emplace_back(std::move(action));
  }
  return actions;
}

bool Machine::TakeWindow(const event::RenewalInfoFetched::Window& window) {
  const bool known = agenda_.window &&
                     agenda_.window->obtained_at == credential_->obtained_at &&
                     agenda_.window->start == window.start &&
                     agenda_.window->end == window.end;
  // Drawn once: who draws again at each question ends up at the window's
  // start, and so does the fleet.
  if (known) return true;
  const auto picked =
      PickRenewal(credential_->obtained_at, credential_->not_after,
                  window.start, window.end, Draw());
  if (!picked) return false;
  agenda_.window = {credential_->obtained_at, window.start, window.end,
                    *picked};
  return true;
}

}  // namespace bestow::agent
