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
#include "agent/schedule/agenda.h"
#include "agent/schedule/schedule.h"

namespace bestow::agent {

// Enrollment shows a name and a secret, re-enrollment the current
// certificate (RFC 7030 4.2.1, 4.2.2). A checkup, between renewals, shows
// nothing: it refreshes the CA certificates and asks for renewal information.
enum class Mode { kEnroll, kReenroll, kCheckup };

struct Validity {
  absl::Time obtained_at;
  absl::Time not_after;
  double renewal_draw = 0;
  bool operator==(const Validity&) const = default;
};

enum class FailureKind {
  kOther,           // the server, the network, the disk, the reply: try again
  kRefused,         // the server understood, and said no
  kPendingKeyLost,  // the TPM can't load the pending key
  kCurrentKeyLost,  // the TPM can't load the current credential's key
};

namespace event {
struct Started {
  std::optional<Validity> credential;
  bool has_pending_key = false;
  bool has_trust = false;  // false: only a pin for the first /cacerts
  bool paused = false;
  Agenda agenda;
};
struct TimerFired {};
// The operator's. A renewal begins whatever it waits for, unless it is paused;
// when it fails before one is due, the plan is what it was.
struct RenewNow {};
// Nothing begins from now on; an attempt under way is finished, for a request
// that was sent can't be taken back.
struct Pause {};
struct Resume {};
struct ClockChanged {};  // the wall clock jumped
struct CaCertsFetched {};
struct CsrAttrsFetched {
  bool wants_linking = false;
  // Whether the keys at hand are of the type that is wanted.
  bool pending_key_fits = true;
  bool current_key_fits = true;
};
struct RenewalInfoFetched {
  struct Window {
    absl::Time start;
    absl::Time end;
  };
  std::optional<Window> window;  // nullopt: the server has none to give
  std::optional<absl::Duration> retry_after;
};
struct KeyMade {};   // and saved as the pending one
struct CsrReady {};  // signed, and saved
struct Issued {};    // a certificate came and passed every check
struct Saved {
  Validity credential;
};
// The connection that the request is linked to ended before the request was
// judged: it has to be linked anew.
struct LinkBroken {
  std::string problem;
};
// Outside of an attempt it turned out that the TPM can't load the current
// credential's key.
struct KeyLost {
  std::string problem;
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
    std::variant<event::Started, event::TimerFired, event::RenewNow,
                 event::Pause, event::Resume, event::ClockChanged,
                 event::CaCertsFetched, event::CsrAttrsFetched,
                 event::RenewalInfoFetched, event::KeyMade, event::CsrReady,
                 event::LinkBroken, event::KeyLost, event::Issued, event::Saved,
                 event::Deferred, event::Failed>;

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
// For the current credential.
struct FetchRenewalInfo {
  bool operator==(const FetchRenewalInfo&) const = default;
};
// In place of the pending one, if there is one. Where the TPM can't make what
// the server wants, KeyMade comes with the next best.
struct MakeKey {
  bool operator==(const MakeKey&) const = default;
};
// Linked: the challenge password holds the channel binding of the very
// connection that the request will go over (RFC 7030 3.5). Over the pending
// key, or the current one.
struct BuildCsr {
  Mode mode;
  bool linked;
  bool same_key = false;
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
// Make it durable. When that fails, so much the worse for a restart.
struct KeepAgenda {
  Agenda agenda;
  bool operator==(const KeepAgenda&) const = default;
};
// Replaces an earlier one. `time` is what it waits for, `wake` (not later)
// when TimerFired is wanted, which after a change of the clock may come at any
// time.
struct ScheduleAt {
  absl::Time time;
  bool is_renewal;  // else a try after a problem
  absl::Time wake;
  bool operator==(const ScheduleAt&) const = default;
};
// No timer: nothing begins before Resume.
struct StayPaused {
  bool operator==(const StayPaused&) const = default;
};
struct ReportProblem {
  std::string problem;
  bool operator==(const ReportProblem&) const = default;
};
}  // namespace action
using Action =
    std::variant<action::FetchCaCerts, action::FetchCsrAttrs,
                 action::FetchRenewalInfo, action::MakeKey, action::BuildCsr,
                 action::SendCsr, action::Save, action::DropPendingKey,
                 action::KeepAgenda, action::ScheduleAt, action::StayPaused,
                 action::ReportProblem>;

// At any time one step (FetchCaCerts to Save) is under way, or a timer is
// set, or it is paused, or nothing has started; an event that does not answer
// it changes nothing.
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
    kPaused,
    kCaCerts,
    kCsrAttrs,
    kRenewalInfo,
    kKey,
    kCsr,
    kSend,
    kSave,
  };

  using Actions = std::vector<Action>;
  Actions On(const event::Started&, absl::Time now);
  Actions On(const event::TimerFired&, absl::Time now);
  Actions On(const event::RenewNow&, absl::Time now);
  Actions On(const event::Pause&, absl::Time now);
  Actions On(const event::Resume&, absl::Time now);
  Actions On(const event::ClockChanged&, absl::Time now);
  Actions On(const event::CaCertsFetched&, absl::Time now);
  Actions On(const event::CsrAttrsFetched&, absl::Time now);
  Actions On(const event::RenewalInfoFetched&, absl::Time now);
  Actions On(const event::KeyMade&, absl::Time now);
  Actions On(const event::CsrReady&, absl::Time now);
  Actions On(const event::LinkBroken&, absl::Time now);
  Actions On(const event::KeyLost&, absl::Time now);
  Actions On(const event::Issued&, absl::Time now);
  Actions On(const event::Saved&, absl::Time now);
  Actions On(const event::Deferred&, absl::Time now);
  Actions On(const event::Failed&, absl::Time now);

  Actions Begin(absl::Time now);
  // Begins what is due, else waits for the first of it.
  Actions RenewOrWait(absl::Time now);
  Actions WaitForRenewal(absl::Time now);
  absl::Time RenewalDue() const;
  // A wait, unless it is paused.
  Action RetryIn(absl::Duration delay, absl::Time now);
  absl::Duration NextBackoff();
  double Draw();

  // machine_operator.cc
  Actions BeginAsked(absl::Time now);
  Action StayPaused();

  // machine_checkup.cc
  Actions BeginCheckup(absl::Time now);
  Actions CheckupFailed(const event::Failed& failed, absl::Time now);
  absl::Time CheckupDue() const;
  void PlanCaCerts(absl::Time now);
  void PlanInfo(std::optional<absl::Duration> retry_after, absl::Time now);
  // Plans that are missing, or far off because the clock was wrong.
  void MendPlans(absl::Time now);
  bool TakeWindow(const event::RenewalInfoFetched::Window& window);

  bool UnderWay() const {
    return step_ != Step::kNotStarted && step_ != Step::kWaiting &&
           step_ != Step::kPaused;
  }

  const ScheduleOptions options_;
  absl::BitGenRef random_;

  Step step_ = Step::kNotStarted;
  std::optional<Validity> credential_;
  bool current_key_lost_ = false;
  bool has_pending_key_ = false;
  bool has_trust_ = false;
  int failures_ = 0;
  int checkup_failures_ = 0;
  int failures_after_expiry_ = 0;
  int short_lived_ = 0;  // certificates in a row that retry_min outlasts
  bool same_key_refused_ = false;
  bool paused_ = false;
  bool renew_asked_ = false;  // RenewNow came during a checkup
  Agenda agenda_;
  Agenda kept_;  // the last one that went out

  // Of the attempt under way.
  Mode mode_ = Mode::kEnroll;
  bool asked_for_ = false;  // by RenewNow
  bool linked_ = false;
  bool same_key_ = false;
  bool replaced_pending_key_ = false;
  bool relinked_ = false;

  // While waiting.
  absl::Time due_;
  absl::Time retry_at_;  // as it was planned, whatever the clock did since
  absl::Duration retry_delay_;
  bool waiting_for_renewal_ = false;
};

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_MACHINE_H_
