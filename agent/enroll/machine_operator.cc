// What the operator tells the machine: to renew now, and its off switch.
#include "agent/enroll/machine.h"

namespace bestow::agent {

std::vector<Action> Machine::On(const event::RenewNow&, absl::Time now) {
  if (paused_ || step_ == Step::kNotStarted) return {};
  if (!UnderWay()) return BeginAsked(now);
  // A checkup is soon over; an attempt is what is wanted.
  renew_asked_ = mode_ == Mode::kCheckup;
  return {};
}

std::vector<Action> Machine::BeginAsked(absl::Time now) {
  Actions actions = Begin(now);
  asked_for_ = true;
  return actions;
}

std::vector<Action> Machine::On(const event::Pause&, absl::Time) {
  paused_ = true;
  renew_asked_ = false;
  if (step_ != Step::kWaiting) return {};
  return {StayPaused()};
}

std::vector<Action> Machine::On(const event::Resume&, absl::Time now) {
  paused_ = false;
  if (step_ != Step::kPaused) return {};
  return RenewOrWait(now);
}

Action Machine::StayPaused() {
  step_ = Step::kPaused;
  return action::StayPaused{};
}

}  // namespace bestow::agent
