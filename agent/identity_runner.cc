#include "agent/identity_runner.h"

#include <utility>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "agent/exit_code.h"
#include "agent/schedule/schedule.h"
#include "agent/status/off_switch.h"

namespace bestow::agent {

IdentityRunner::IdentityRunner(const IdentityConfig& config,
                               TpmWorker::Queue tpm, Context context)
    : config_(config), tpm_(std::move(tpm)), context_(std::move(context)) {}

IdentityRunner::~IdentityRunner() = default;

void IdentityRunner::Start() {
  restart_.reset();  // it may be the operator who wants it now
  const absl::Status status = TryStart();
  if (status.ok()) {
    failed_starts_ = 0;
    return;
  }
  enroller_.reset();
  store_.reset();
  activity_.doing = "retrying";
  const absl::Duration delay = BackoffDelay(
      config_.schedule, ++failed_starts_, absl::Uniform<double>(random_, 0, 1));
  activity_.next_at = context_.clock.Now() + delay;
  Problem(std::string(status.message()));
  restart_ = context_.loop.RunAfter(delay, [this] { Start(); });
  Settle(kExitConfigOrState);
}

absl::Status IdentityRunner::TryStart() {
  auto folder = context_.state.IdentityFolder(config_.name);
  if (!folder.ok()) return folder.status();
  if (folder_.empty()) {
    folder_ = *std::move(folder);
    if (auto before = ReadActivity(folder_); before.ok()) {
      activity_ = *std::move(before);
    }
  }
  auto store = CredentialStore::Open(folder_);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  enroller_ = std::make_unique<Enroller>(
      context_.loop, config_, *store_, tpm_, context_.clock,
      Enroller::Observer{
          .log = [this](const std::string& line) { Log("note", line); },
          .working = [this](Mode mode) { Working(mode); },
          .waiting = [this](absl::Time time,
                            bool renewal) { Waiting(time, renewal); },
          .paused = [this] { Paused(); },
          .saved = [this](const Credential& credential,
                          bool is_renewal) { Saved(credential, is_renewal); },
          .problem = [this](const std::string& why) { Problem(why); }});
  return enroller_->Start(IsPaused(folder_));
}

void IdentityRunner::RenewNow(OnRenewed done) {
  if (enroller_ == nullptr) Start();
  if (enroller_ == nullptr) {
    return done(absl::UnavailableError(activity_.last_error));
  }
  if (IsPaused(folder_)) {
    return done(absl::FailedPreconditionError(
        "it is paused; resume it first (bestow-agent resume)"));
  }
  if (waiters_.empty()) why_not_.clear();
  waiters_.push_back(std::move(done));
  enroller_->RenewNow();
}

absl::Status IdentityRunner::SetPaused(bool paused) {
  // Where nothing could begin yet, not even the folder may be there.
  auto folder = context_.state.IdentityFolder(config_.name);
  if (!folder.ok()) return folder.status();
  if (absl::Status s = agent::SetPaused(*folder, paused); !s.ok()) return s;
  if (enroller_ == nullptr) return absl::OkStatus();
  if (paused) {
    enroller_->Pause();
  } else {
    enroller_->Resume();
  }
  return absl::OkStatus();
}

void IdentityRunner::Working(Mode mode) {
  activity_.doing = mode == Mode::kReenroll  ? "renewing"
                    : mode == Mode::kCheckup ? "checking"
                                             : "enrolling";
  activity_.next_at.reset();
  Log(activity_.doing, activity_.doing);
  WriteActivity();
}

void IdentityRunner::Waiting(absl::Time time, bool is_renewal) {
  activity_.doing = is_renewal ? "waiting" : "retrying";
  activity_.next_at = time;
  Log(activity_.doing,
      absl::StrCat(is_renewal ? "renews at " : "tries again at ",
                   FormatUtc(time)),
      {{"NEXT_AT", FormatUtc(time)}});
  WriteActivity();
  Answer(/*renewed=*/false);
  Settle(is_renewal ? kExitOk : kExitFailed);
}

void IdentityRunner::Paused() {
  activity_.doing = "paused";
  activity_.next_at.reset();
  Log("paused", "paused");
  WriteActivity();
  Answer(/*renewed=*/false);
  Settle(kExitOk);
}

void IdentityRunner::Saved(const Credential& credential, bool is_renewal) {
  const Certificate& certificate = credential.certificate;
  const std::string event = is_renewal ? "renewed" : "enrolled";
  const std::string subject = certificate.subject.ToText();
  const std::string until = FormatUtc(certificate.not_after);
  Log(event,
      absl::StrCat(event, ": ", subject, ", serial ", certificate.SerialHex(),
                   ", valid until ", until),
      {{"SUBJECT", subject},
       {"SERIAL", certificate.SerialHex()},
       {"NOT_AFTER", until}});
  Answer(/*renewed=*/true);
}

void IdentityRunner::Answer(bool renewed) {
  const absl::Status status =
      renewed ? absl::OkStatus()
              : absl::UnavailableError(why_not_.empty() ? "it was paused"
                                                        : why_not_);
  for (const OnRenewed& done : std::exchange(waiters_, {})) done(status);
}

void IdentityRunner::Problem(const std::string& why) {
  activity_.last_error = why;
  activity_.last_error_at = context_.clock.Now();
  why_not_ = why;
  context_.log({.event = "problem",
                .identity = config_.name,
                .message = why,
                .is_problem = true});
  WriteActivity();
}

void IdentityRunner::Settle(int exit_code) {
  settled_ = exit_code;
  context_.on_change();
}

void IdentityRunner::Log(
    std::string event, std::string message,
    std::vector<std::pair<std::string, std::string>> fields) {
  context_.log({.event = std::move(event),
                .identity = config_.name,
                .message = std::move(message),
                .fields = std::move(fields)});
}

void IdentityRunner::WriteActivity() {
  context_.on_change();
  if (folder_.empty()) return;
  absl::Status status = agent::WriteActivity(folder_, activity_);
  if (!status.ok()) Log("note", std::string(status.message()));
}

}  // namespace bestow::agent
