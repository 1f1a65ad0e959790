#include "agent/enroll/enroller.h"

#include <time.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/schedule/agenda.h"
#include "common/est_client/trust_source.h"
#include "common/tpm/errors.h"

namespace bestow::agent {
namespace {

constexpr absl::Duration kClockWatchPeriod = absl::Seconds(20);
constexpr absl::Duration kClockJump = absl::Seconds(5);

absl::Duration SteadyNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace

Enroller::Enroller(EventLoop& loop, const IdentityConfig& config,
                   CredentialStore& store, TpmWorker::Queue tpm,
                   const Clock& clock, Observer observer)
    : loop_(loop),
      config_(config),
      store_(store),
      tpm_(std::move(tpm)),
      clock_(clock),
      observer_(std::move(observer)),
      machine_(config.schedule, random_) {}

Enroller::~Enroller() = default;

Validity Enroller::ValidityOf(const Credential& credential) {
  return {credential.obtained_at, credential.certificate.not_after,
          credential.renewal_draw};
}

absl::Status Enroller::ReadState() {
  auto configured = ReadConfiguredCas(config_.ca_file);
  if (!configured.ok()) return configured.status();
  configured_cas_ = *std::move(configured);
  auto learned =
      store_.CaCerts(TrustSource(config_.ca_sha256, configured_cas_));
  if (learned.ok()) {
    learned_cas_ = *std::move(learned);
  } else {
    observer_.problem(std::string(learned.status().message()));
  }
  auto trust = MakeTrust(configured_cas_, learned_cas_, config_.ca_sha256);
  if (!trust.ok()) return trust.status();
  trust_ = *std::move(trust);

  auto protection = ReadKeyProtection(config_);
  if (!protection.ok()) return protection.status();
  protection_ = *std::move(protection);

  // What is damaged is as good as lost: the device enrolls again.
  auto current = store_.Current();
  if (current.ok()) {
    current_ = *std::move(current);
    if (current_ && current_->key.wants_auth) {
      current_->key.auth = protection_.auth;
    }
  } else {
    observer_.problem(std::string(current.status().message()));
  }
  auto pending = store_.PendingKey();
  if (pending.ok()) {
    pending_key_ = *std::move(pending);
    if (pending_key_ && pending_key_->wants_auth) {
      pending_key_->auth = protection_.auth;
    }
  } else {
    observer_.problem(std::string(pending.status().message()));
  }
  return absl::OkStatus();
}

absl::Status Enroller::Start(bool paused) {
  if (absl::Status s = ReadState(); !s.ok()) return s;
  event::Started started;
  if (current_) started.credential = ValidityOf(*current_);
  started.has_pending_key = pending_key_.has_value();
  started.has_trust = trust_.anchors != nullptr;
  started.paused = paused;
  auto agenda = ReadAgenda(store_.folder(), config_.server.ToText());
  if (agenda.ok()) {
    started.agenda = *std::move(agenda);
  } else {
    observer_.problem(std::string(agenda.status().message()));
  }
  clock_offset_ = (clock_.Now() - absl::UnixEpoch()) - SteadyNow();
  WatchClock();
  Handle(started);
  CheckCurrentKey();
  return absl::OkStatus();
}

void Enroller::WatchClock() {
  clock_watch_ = loop_.RunAfter(kClockWatchPeriod, [this] {
    const absl::Duration offset =
        (clock_.Now() - absl::UnixEpoch()) - SteadyNow();
    const absl::Duration jump = offset - clock_offset_;
    clock_offset_ = offset;
    WatchClock();
    if (absl::AbsDuration(jump) < kClockJump) return;
    observer_.log(
        absl::StrCat("the clock jumped by ", absl::FormatDuration(jump)));
    Handle(event::ClockChanged{});
  });
}

void Enroller::Handle(const Event& event) {
  const std::vector<Action> actions = machine_.Handle(event, clock_.Now());
  if (actions.empty()) return;
  ++step_;
  tpm_deadline_.reset();
  timer_.reset();
  // The step, which may fail at once and come back here, is the last one.
  for (const Action& action : actions) {
    std::visit([this](const auto& a) { Do(a); }, action);
  }
}

void Enroller::Fail(std::string_view what, const absl::Status& status,
                    FailureKind kind) {
  if (kind == FailureKind::kCurrentKeyLost) SayKeyLost();
  Handle(event::Failed{kind,
                       what.empty()
                           ? std::string(status.message())
                           : absl::StrCat(what, ": ", status.message()),
                       TpmRetryAfterOf(status)});
}

std::function<void(const std::function<void()>&)> Enroller::Guard() {
  return [this, step = step_,
          alive = std::weak_ptr(alive_)](const std::function<void()>& fn) {
    if (alive.lock() != nullptr && step == step_) fn();
  };
}

void Enroller::Do(const action::DropPendingKey&) {
  pending_key_.reset();
  if (absl::Status s = store_.DropPending(); !s.ok()) {
    observer_.log(std::string(s.message()));
  }
}

void Enroller::Do(const action::KeepAgenda& action) {
  absl::Status status =
      WriteAgenda(store_.folder(), config_.server.ToText(), action.agenda);
  if (!status.ok()) observer_.log(std::string(status.message()));
}

void Enroller::Do(const action::ScheduleAt& action) {
  DropConnection();
  const absl::Duration delay =
      std::max(action.wake - clock_.Now(), absl::ZeroDuration());
  timer_ = loop_.RunAfter(delay, [this] { Handle(event::TimerFired{}); });
  observer_.waiting(action.time, action.is_renewal);
}

void Enroller::Do(const action::StayPaused&) {
  DropConnection();
  observer_.paused();
}

void Enroller::Do(const action::ReportProblem& action) {
  observer_.problem(action.problem);
}

}  // namespace bestow::agent
