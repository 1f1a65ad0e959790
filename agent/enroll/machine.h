// The order of an enrollment, and what follows when a step fails. Pure: no
// socket, TPM, file, clock or thread; events in, actions out.
#ifndef AGENT_ENROLL_MACHINE_H_
#define AGENT_ENROLL_MACHINE_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"
#include "agent/schedule/schedule.h"

namespace bestow::agent {

// Enrollment shows a name and a secret, re-enrollment the current
// certificate (RFC 7030 4.2.1, 4.2.2).
enum class Mode { kEnroll, kReenroll };

struct Validity {
  absl::Time obtained_at;
  absl::Time not_after;
  double renewal_draw = 0;
  bool operator==(const Validity&) const = default;
};

enum class FailureKind {
  kOther,           // the server, the network, the disk, the reply: try again
  kPendingKeyLost,  // the TPM can't load the pending key
  kCurrentKeyLost,  // the TPM can't load the current credential's key
};

namespace event {
struct Started {
  std::optional<Validity> credential;
  bool has_pending_key = false;
  bool has_trust = false;  // false: only a pin for the first /cacerts
};
struct TimerFired {};
struct ClockChanged {};  // the wall clock jumped
struct CaCertsFetched {};
struct CsrAttrsFetched {
  bool wants_linking = false;
};
struct KeyMade {};   // and saved as the pending one
struct CsrReady {};  // signed, and saved
struct Issued {};    // a certificate came and passed every check
struct Saved {
  Validity credential;
};
// 202: the server wants time.
struct Deferred {
  std::optional<absl::Duration> retry_after;
};
struct Failed {
  FailureKind kind = FailureKind::kOther;
  std::string problem;
  std::optional<absl::Duration> retry_after;
};
}  // namespace event
using Event =
    std::variant<event::Started, event::TimerFired, event::ClockChanged,
                 event::CaCertsFetched, event::CsrAttrsFetched, event::KeyMade,
                 event::CsrReady, event::Issued, event::Saved, event::Deferred,
                 event::Failed>;

namespace action {
// Over a connection that only the pin vouches for, without any credential,
// when `bootstrap`.
struct FetchCaCerts {
  Mode mode;
  bool bootstrap;
  bool operator==(const FetchCaCerts&) const = default;
};
struct FetchCsrAttrs {
  Mode mode;
  bool operator==(const FetchCsrAttrs&) const = default;
};
struct MakeKey {
  bool operator==(const MakeKey&) const = default;
};
// Linked: the challenge password holds the channel binding of the very
// connection that the request will go over (RFC 7030 3.5).
struct BuildCsr {
  Mode mode;
  bool linked;
  bool operator==(const BuildCsr&) const = default;
};
struct SendCsr {
  Mode mode;
  bool operator==(const SendCsr&) const = default;
};
struct Save {
  bool operator==(const Save&) const = default;
};
struct DropPendingKey {
  bool operator==(const DropPendingKey&) const = default;
};
// Replaces an earlier one. TimerFired at that time or, after a change of the
// clock, at any time.
struct ScheduleAt {
  absl::Time time;
  bool is_renewal;  // else a try after a problem
  bool operator==(const ScheduleAt&) const = default;
};
struct ReportProblem {
  std::string problem;
  bool operator==(const ReportProblem&) const = default;
};
}  // namespace action
using Action = std::variant<action::FetchCaCerts, action::FetchCsrAttrs,
                            action::MakeKey, action::BuildCsr, action::SendCsr,
                            action::Save, action::DropPendingKey,
                            action::ScheduleAt, action::ReportProblem>;

// At any time one step (FetchCaCerts to Save) is under way, or a timer is
// set, or nothing has started; an event that does not answer it changes
// nothing.
class Machine {
 public:
  // `random` must outlive the machine.
  Machine(ScheduleOptions options, absl::BitGenRef random)
      : options_(options), random_(random) {}

  // To be done in this order.
  std::vector<Action> Handle(const Event& event, absl::Time now);

 private:
  enum class Step {
    kNotStarted,
    kWaiting,
    kCaCerts,
    kCsrAttrs,
    kKey,
    kCsr,
    kSend,
    kSave,
  };

  std::vector<Action> On(const event::Started&, absl::Time now);
  std::vector<Action> On(const event::TimerFired&, absl::Time now);
  std::vector<Action> On(const event::ClockChanged&, absl::Time now);
  std::vector<Action> On(const event::CaCertsFetched&, absl::Time now);
  std::vector<Action> On(const event::CsrAttrsFetched&, absl::Time now);
  std::vector<Action> On(const event::KeyMade&, absl::Time now);
  std::vector<Action> On(const event::CsrReady&, absl::Time now);
  std::vector<Action> On(const event::Issued&, absl::Time now);
  std::vector<Action> On(const event::Saved&, absl::Time now);
  std::vector<Action> On(const event::Deferred&, absl::Time now);
  std::vector<Action> On(const event::Failed&, absl::Time now);

  std::vector<Action> Begin(absl::Time now);
  std::vector<Action> RenewOrWait(absl::Time now);
  action::ScheduleAt RetryIn(absl::Duration delay, absl::Time now);
  absl::Duration NextBackoff();
  bool UnderWay() const {
    return step_ != Step::kNotStarted && step_ != Step::kWaiting;
  }

  const ScheduleOptions options_;
  absl::BitGenRef random_;

  Step step_ = Step::kNotStarted;
  std::optional<Validity> credential_;
  bool current_key_lost_ = false;
  bool has_pending_key_ = false;
  bool has_trust_ = false;
  int failures_ = 0;

  // Of the attempt under way.
  Mode mode_ = Mode::kEnroll;
  bool linked_ = false;
  bool replaced_pending_key_ = false;

  // While waiting.
  absl::Time due_;
  absl::Duration retry_delay_;
  bool waiting_for_renewal_ = false;
};

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_MACHINE_H_
