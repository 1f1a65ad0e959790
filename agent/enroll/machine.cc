#include "agent/enroll/machine.h"

#include <algorithm>

#include "absl/random/distributions.h"

namespace bestow::agent {
namespace {

// A certificate that has expired is shown so often; then the secret is.
constexpr int kTriesAfterExpiry = 3;

}  // namespace

std::vector<Action> Machine::Handle(const Event& event, absl::Time now) {
  Actions actions =
      std::visit([&](const auto& e) { return On(e, now); }, event);
  // Before the step or the wait: what comes after may be the end of us.
  if (agenda_ != kept_) {
    kept_ = agenda_;
    actions.insert(actions.begin(), action::KeepAgenda{agenda_});
  }
  return actions;
}

std::vector<Action> Machine::On(const event::Started& started, absl::Time now) {
  if (step_ != Step::kNotStarted) return {};
  credential_ = started.credential;
  has_pending_key_ = started.has_pending_key;
  has_trust_ = started.has_trust;
  paused_ = started.paused;
  agenda_ = kept_ = started.agenda;
  return RenewOrWait(now);
}

absl::Time Machine::RenewalDue() const {
  if (agenda_.window &&
      agenda_.window->obtained_at == credential_->obtained_at) {
    return agenda_.window->picked;
  }
  return RenewalTime(options_, credential_->obtained_at, credential_->not_after,
                     credential_->renewal_draw);
}

std::vector<Action> Machine::RenewOrWait(absl::Time now) {
  if (paused_) return {StayPaused()};
  if (renew_asked_) return BeginAsked(now);
  if (credential_ && !current_key_lost_) {
    due_ = RenewalDue();
    if (now < due_) return WaitForRenewal(now);
  }
  // Kept from before a restart, whose clock may have been set only since.
  if (agenda_.wait) {
    retry_at_ = agenda_.wait->until;
    retry_delay_ = ClampRetryAfter(agenda_.wait->length);
    due_ = std::min(retry_at_, now + retry_delay_);
    if (now < due_) {
      step_ = Step::kWaiting;
      waiting_for_renewal_ = false;
      return {action::ScheduleAt{due_, /*is_renewal=*/false, due_}};
    }
  }
  return Begin(now);
}

std::vector<Action> Machine::WaitForRenewal(absl::Time now) {
  if (paused_) return {StayPaused()};
  MendPlans(now);
  if (now >= CheckupDue()) return BeginCheckup(now);
  step_ = Step::kWaiting;
  waiting_for_renewal_ = true;
  return {action::ScheduleAt{due_, /*is_renewal=*/true,
                             std::min(due_, CheckupDue())}};
}

std::vector<Action> Machine::Begin(absl::Time now) {
  if (paused_) return {StayPaused()};
  // An expired certificate opens no door, unless the server is known to give
  // time: the secret may.
  const bool expired = credential_ && now >= credential_->not_after;
  const bool usable =
      credential_ && !current_key_lost_ &&
      (!expired || (now < credential_->not_after + options_.expired_grace &&
                    failures_after_expiry_ < kTriesAfterExpiry));
  mode_ = usable ? Mode::kReenroll : Mode::kEnroll;
  same_key_ = false;
  replaced_pending_key_ = false;
  relinked_ = false;
  renew_asked_ = asked_for_ = false;
  agenda_.wait.reset();
  step_ = Step::kCaCerts;
  return {action::FetchCaCerts{mode_, /*bootstrap=*/!has_trust_}};
}

std::vector<Action> Machine::On(const event::TimerFired&, absl::Time now) {
  if (step_ != Step::kWaiting) return {};
  if (now >= due_) return Begin(now);
  if (waiting_for_renewal_) return WaitForRenewal(now);
  return {action::ScheduleAt{due_, /*is_renewal=*/false, due_}};
}

std::vector<Action> Machine::On(const event::ClockChanged&, absl::Time now) {
  if (step_ != Step::kWaiting) return {};
  if (waiting_for_renewal_) return RenewOrWait(now);
  // A clock that went back must not make the wait longer than it was.
  due_ = std::min(retry_at_, now + retry_delay_);
  if (now >= due_) return Begin(now);
  return {action::ScheduleAt{due_, /*is_renewal=*/false, due_}};
}

std::vector<Action> Machine::On(const event::CaCertsFetched&, absl::Time now) {
  if (step_ != Step::kCaCerts) return {};
  has_trust_ = true;
  PlanCaCerts(now);
  if (mode_ == Mode::kCheckup) {
    checkup_failures_ = 0;
    // On to the renewal information, if it is due.
    return RenewOrWait(now);
  }
  step_ = Step::kCsrAttrs;
  return {action::FetchCsrAttrs{mode_}};
}

std::vector<Action> Machine::On(const event::CsrAttrsFetched& fetched,
                                absl::Time) {
  if (step_ != Step::kCsrAttrs) return {};
  linked_ = fetched.wants_linking;
  const bool pending_serves = has_pending_key_ && fetched.pending_key_fits;
  // A pending key comes first: its request may be waiting at the server.
  same_key_ = !has_pending_key_ && mode_ == Mode::kReenroll &&
              options_.same_key && !same_key_refused_ &&
              fetched.current_key_fits;
  if (!pending_serves && !same_key_) {
    step_ = Step::kKey;
    return {action::MakeKey{}};
  }
  step_ = Step::kCsr;
  return {action::BuildCsr{mode_, linked_, same_key_}};
}

std::vector<Action> Machine::On(const event::KeyMade&, absl::Time) {
  if (step_ != Step::kKey) return {};
  has_pending_key_ = true;
  step_ = Step::kCsr;
  return {action::BuildCsr{mode_, linked_, /*same_key=*/false}};
}

std::vector<Action> Machine::On(const event::CsrReady&, absl::Time) {
  if (step_ != Step::kCsr) return {};
  step_ = Step::kSend;
  return {action::SendCsr{mode_}};
}

std::vector<Action> Machine::On(const event::LinkBroken& broken,
                                absl::Time now) {
  if (step_ != Step::kSend) return {};
  // Servers may end the connection that asked for a password; twice is odd.
  if (!linked_ || relinked_) {
    return On(event::Failed{FailureKind::kOther, broken.problem, {}}, now);
  }
  relinked_ = true;
  step_ = Step::kCsr;
  return {action::BuildCsr{mode_, linked_, same_key_}};
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
  failures_ = checkup_failures_ = failures_after_expiry_ = 0;
  same_key_refused_ = false;
  agenda_.window.reset();
  PlanInfo(std::nullopt, now);
  // Nor may a server that gives but seconds have keys made without end. The
  // first one may be a slip.
  const bool is_short_lived =
      credential_->not_after - credential_->obtained_at < options_.retry_min;
  short_lived_ = is_short_lived ? short_lived_ + 1 : 0;
  if (short_lived_ > 1) {
    return {action::ReportProblem{"the server's certificates expire within "
                                  "renewal.retry_min"},
            RetryIn(BackoffDelay(options_, short_lived_ - 1, Draw()), now)};
  }
  // Never at once again: certificates that are due on arrival must not make
  // the agent spin.
  due_ = std::max(RenewalDue(),
                  now + std::min(options_.retry_min, absl::Seconds(1)));
  return WaitForRenewal(now);
}

std::vector<Action> Machine::On(const event::Deferred& deferred,
                                absl::Time now) {
  if (step_ != Step::kSend) return {};
  const absl::Duration delay = deferred.retry_after
                                   ? ClampRetryAfter(*deferred.retry_after)
                                   : NextBackoff();
  // A question at each start would be answered the same.
  agenda_.wait = {now + delay, delay};
  return {action::ReportProblem{"the server has not decided yet (202)"},
          RetryIn(delay, now)};
}

std::vector<Action> Machine::On(const event::Failed& failed, absl::Time now) {
  if (!UnderWay()) return {};
  if (mode_ == Mode::kCheckup) return CheckupFailed(failed, now);
  Actions actions = {action::ReportProblem{failed.problem}};
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
  bool at_once = false;
  if (mode_ == Mode::kReenroll) {
    const bool refused = failed.kind == FailureKind::kRefused;
    if (failed.kind == FailureKind::kCurrentKeyLost) {
      current_key_lost_ = at_once = true;
    } else if (now >= credential_->not_after) {
      failures_after_expiry_ =
          refused ? kTriesAfterExpiry : failures_after_expiry_ + 1;
      at_once = refused;
    }
    if (refused && same_key_) same_key_refused_ = true;
  }
  if (at_once) {
    for (Action& action : Begin(now)) actions.emplace_back(std::move(action));
    return actions;
  }
  if (failed.retry_after) {
    const absl::Duration delay = ClampRetryAfter(*failed.retry_after);
    agenda_.wait = {now + delay, delay};
  }
  // What nobody but the operator wanted now is not insisted on.
  if (asked_for_ && credential_ && !current_key_lost_ && now < RenewalDue()) {
    for (Action& action : RenewOrWait(now)) {
      actions.emplace_back(std::move(action));
    }
    return actions;
  }
  const absl::Duration backoff = NextBackoff();
  actions.emplace_back(
      RetryIn(agenda_.wait ? agenda_.wait->length : backoff, now));
  return actions;
}

double Machine::Draw() { return absl::Uniform<double>(random_, 0, 1); }

absl::Duration Machine::NextBackoff() {
  return BackoffDelay(options_, ++failures_, Draw());
}

Action Machine::RetryIn(absl::Duration delay, absl::Time now) {
  if (paused_) return StayPaused();
  step_ = Step::kWaiting;
  waiting_for_renewal_ = false;
  retry_delay_ = delay;
  due_ = retry_at_ = now + delay;
  return action::ScheduleAt{due_, /*is_renewal=*/false, due_};
}

}  // namespace bestow::agent
