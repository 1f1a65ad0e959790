#include "agent/enroll/machine.h"

#include <algorithm>

#include "absl/random/distributions.h"

namespace bestow::agent {

std::vector<Action> Machine::Handle(const Event& event, absl::Time now) {
  return std::visit([&](const auto& e) { return On(e, now); }, event);
}

std::vector<Action> Machine::On(const event::Started& started, absl::Time now) {
  if (step_ != Step::kNotStarted) return {};
  credential_ = started.credential;
  has_pending_key_ = started.has_pending_key;
  has_trust_ = started.has_trust;
  return RenewOrWait(now);
}

std::vector<Action> Machine::RenewOrWait(absl::Time now) {
  if (!credential_) return Begin(now);
  due_ = RenewalTime(options_, credential_->obtained_at, credential_->not_after,
                     credential_->renewal_draw);
  if (now >= due_) return Begin(now);
  step_ = Step::kWaiting;
  waiting_for_renewal_ = true;
  return {action::ScheduleAt{due_, /*is_renewal=*/true}};
}

std::vector<Action> Machine::Begin(absl::Time now) {
  // An expired certificate opens no door: the secret may.
  const bool usable =
      credential_ && !current_key_lost_ && now < credential_->not_after;
  mode_ = usable ? Mode::kReenroll : Mode::kEnroll;
  replaced_pending_key_ = false;
  step_ = Step::kCaCerts;
  return {action::FetchCaCerts{mode_, /*bootstrap=*/!has_trust_}};
}

std::vector<Action> Machine::On(const event::TimerFired&, absl::Time now) {
  if (step_ != Step::kWaiting) return {};
  if (now >= due_) return Begin(now);
  return {action::ScheduleAt{due_, waiting_for_renewal_}};
}

std::vector<Action> Machine::On(const event::ClockChanged&, absl::Time now) {
  if (step_ != Step::kWaiting) return {};
  if (waiting_for_renewal_) return RenewOrWait(now);
  // A clock that went back must not make the wait longer than it was.
  due_ = std::min(due_, now + retry_delay_);
  if (now >= due_) return Begin(now);
  return {action::ScheduleAt{due_, /*is_renewal=*/false}};
}

std::vector<Action> Machine::On(const event::CaCertsFetched&, absl::Time) {
  if (step_ != Step::kCaCerts) return {};
  has_trust_ = true;
  step_ = Step::kCsrAttrs;
  return {action::FetchCsrAttrs{mode_}};
}

std::vector<Action> Machine::On(const event::CsrAttrsFetched& fetched,
                                absl::Time) {
  if (step_ != Step::kCsrAttrs) return {};
  linked_ = fetched.wants_linking;
  if (!has_pending_key_) {
    step_ = Step::kKey;
    return {action::MakeKey{}};
  }
  step_ = Step::kCsr;
  return {action::BuildCsr{mode_, linked_}};
}

std::vector<Action> Machine::On(const event::KeyMade&, absl::Time) {
  if (step_ != Step::kKey) return {};
  has_pending_key_ = true;
  step_ = Step::kCsr;
  return {action::BuildCsr{mode_, linked_}};
}

std::vector<Action> Machine::On(const event::CsrReady&, absl::Time) {
  if (step_ != Step::kCsr) return {};
  step_ = Step::kSend;
  return {action::SendCsr{mode_}};
}

std::vector<Action> Machine::On(const event::Issued&, absl::Time) {
  if (step_ != Step::kSend) return {};
  step_ = Step::kSave;
  return {action::Save{}};
}

std::vector<Action> Machine::On(const event::Saved& saved, absl::Time now) {
  if (step_ != Step::kSave) return {};
  credential_ = saved.credential;
  current_key_lost_ = false;
  has_pending_key_ = false;
  failures_ = 0;
  // Never at once again: certificates that are due on arrival must not make
  // the agent spin.
  due_ =
      std::max(RenewalTime(options_, credential_->obtained_at,
                           credential_->not_after, credential_->renewal_draw),
               now + std::min(options_.retry_min, absl::Seconds(1)));
  step_ = Step::kWaiting;
  waiting_for_renewal_ = true;
  return {action::ScheduleAt{due_, /*is_renewal=*/true}};
}

std::vector<Action> Machine::On(const event::Deferred& deferred,
                                absl::Time now) {
  if (step_ != Step::kSend) return {};
  const absl::Duration delay = deferred.retry_after
                                   ? ClampRetryAfter(*deferred.retry_after)
                                   : NextBackoff();
  return {action::ReportProblem{"the server has not decided yet (202)"},
          RetryIn(delay, now)};
}

std::vector<Action> Machine::On(const event::Failed& failed, absl::Time now) {
  if (!UnderWay()) return {};
  std::vector<Action> actions = {action::ReportProblem{failed.problem}};
  if (failed.kind == FailureKind::kPendingKeyLost && has_pending_key_) {
    has_pending_key_ = false;
    actions.emplace_back(action::DropPendingKey{});
    // A second one lost in the same attempt is more than a cleared TPM.
    if (step_ == Step::kCsr && !replaced_pending_key_) {
      replaced_pending_key_ = true;
      step_ = Step::kKey;
      actions.emplace_back(action::MakeKey{});
      return actions;
    }
  }
  if (failed.kind == FailureKind::kCurrentKeyLost && mode_ == Mode::kReenroll) {
    current_key_lost_ = true;
    for (Action& action : Begin(now)) actions.emplace_back(std::move(action));
    return actions;
  }
  const absl::Duration backoff = NextBackoff();
  actions.emplace_back(RetryIn(
      failed.retry_after ? ClampRetryAfter(*failed.retry_after) : backoff,
      now));
  return actions;
}

absl::Duration Machine::NextBackoff() {
  return BackoffDelay(options_, ++failures_,
                      absl::Uniform<double>(random_, 0, 1));
}

action::ScheduleAt Machine::RetryIn(absl::Duration delay, absl::Time now) {
  step_ = Step::kWaiting;
  waiting_for_renewal_ = false;
  retry_delay_ = delay;
  due_ = now + delay;
  return {due_, /*is_renewal=*/false};
}

}  // namespace bestow::agent
