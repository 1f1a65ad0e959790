#include "agent/daemon.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/credentials/credential_store.h"
#include "agent/enroll/enroller.h"
#include "agent/status/activity.h"
#include "common/base/clock.h"
#include "common/net/event_loop.h"
#include "common/tpm/esys_tpm.h"
#include "common/tpm/tpm_signer.h"

namespace bestow::agent {
namespace {

// A TPM command that hangs must not keep the process from ending.
constexpr absl::Duration kTpmGrace = absl::Seconds(2);

void Log(std::string_view line) {
  std::fprintf(stderr, "bestow-agent: %.*s\n", static_cast<int>(line.size()),
               line.data());
}

// Keeps status.toml, and ends a run that is for once.
class Reporter {
 public:
  Reporter(EventLoop& loop, std::string folder, bool once)
      : loop_(loop), folder_(std::move(folder)), once_(once) {
    auto before = ReadActivity(folder_);
    if (before.ok()) activity_ = *std::move(before);
  }

  Enroller::Observer observer() {
    return {.log = [](const std::string& line) { Log(line); },
            .working = [this](Mode mode) { Working(mode); },
            .waiting = [this](absl::Time time,
                              bool renewal) { Waiting(time, renewal); },
            .problem = [this](const std::string& why) { Problem(why); }};
  }
  int exit_code() const { return exit_code_; }

 private:
  void Working(Mode mode) {
    activity_.doing = mode == Mode::kReenroll  ? "renewing"
                      : mode == Mode::kCheckup ? "checking"
                                               : "enrolling";
    activity_.next_at.reset();
    Log(activity_.doing);
    Write();
  }
  void Waiting(absl::Time time, bool is_renewal) {
    activity_.doing = is_renewal ? "waiting" : "retrying";
    activity_.next_at = time;
    Log(absl::StrCat(is_renewal ? "renews at " : "tries again at ",
                     FormatUtc(time)));
    Write();
    if (!once_) return;
    exit_code_ = is_renewal ? kExitOk : kExitFailed;
    loop_.Stop();
  }
  void Problem(const std::string& why) {
    activity_.last_error = why;
    activity_.last_error_at = absl::Now();
    Log(absl::StrCat("problem: ", why));
    Write();
  }
  void Write() {
    absl::Status status = WriteActivity(folder_, activity_);
    if (!status.ok()) Log(status.message());
  }

  EventLoop& loop_;
  const std::string folder_;
  const bool once_;
  Activity activity_;
  int exit_code_ = kExitOk;
};

}  // namespace

int RunDaemon(const Config& config, bool once) {
  auto store = CredentialStore::Open(config.state_dir);
  if (!store.ok()) {
    Log(store.status().message());
    return kExitConfigOrState;
  }
  auto loop = EventLoop::Create();
  if (!loop.ok()) {
    Log(loop.status().message());
    return kExitFailed;
  }
  bool ended_by_signal = false;
  auto end = [&] {
    ended_by_signal = true;
    (*loop)->Stop();
  };
  auto on_term = (*loop)->OnSignal(SIGTERM, end);
  auto on_int = (*loop)->OnSignal(SIGINT, end);

  SystemClock clock;
  TpmWorker tpm(std::make_unique<EsysTpm>(config.tcti));
  Reporter reporter(**loop, config.state_dir, once);
  Enroller enroller(**loop, config, **store, tpm, clock, reporter.observer());
  if (absl::Status s = enroller.Start(); !s.ok()) {
    Log(s.message());
    return kExitConfigOrState;
  }
  (*loop)->Run();
  if (ended_by_signal) Log("ended by a signal");

  const absl::Time grace_ends = absl::Now() + kTpmGrace;
  while (tpm.busy() && absl::Now() < grace_ends) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  if (tpm.busy()) {
    Log("the TPM does not answer; leaving it");
    // What is on disk is whole at any moment.
    _exit(ended_by_signal ? kExitOk : reporter.exit_code());
  }
  return ended_by_signal ? kExitOk : reporter.exit_code();
}

}  // namespace bestow::agent
