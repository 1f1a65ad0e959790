#include "agent/daemon.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/control/control_server.h"
#include "agent/credentials/state_folder.h"
#include "agent/exit_code.h"
#include "agent/identity_runner.h"
#include "agent/service/event_log.h"
#include "agent/service/service_manager.h"
#include "agent/status/activity.h"
#include "agent/status/device_status.h"
#include "common/base/clock.h"
#include "common/net/event_loop.h"
#include "common/tpm/esys_tpm.h"
#include "common/tpm/tpm_signer.h"

namespace bestow::agent {
namespace {

// A TPM command that hangs must not keep the process from ending.
constexpr absl::Duration kTpmGrace = absl::Seconds(2);

// All of the config's, on one loop and one TPM.
class Daemon : public ControlTarget {
 public:
  Daemon(EventLoop& loop, const Config& config, StateFolder& state,
         TpmWorker& tpm, ServiceManager manager, LogFunction log, bool once)
      : loop_(loop),
        config_(config),
        log_(std::move(log)),
        once_(once),
        manager_(std::move(manager)) {
    for (const IdentityConfig& identity : config.identities) {
      runners_.push_back(std::make_unique<IdentityRunner>(
          identity, tpm.NewQueue(),
          IdentityRunner::Context{.loop = loop,
                                  .state = state,
                                  .clock = clock_,
                                  .log = log_,
                                  .on_change = [this] { OnChange(); }}));
    }
    NameForgotten(state);
  }

  void Start() {
    for (const auto& runner : runners_) runner->Start();
    manager_.Ready();
    KeepAlive();
  }
  void Stopping() const { manager_.Stopping(); }

  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& runner : runners_) names.push_back(runner->name());
    return names;
  }
  DeviceStatus StatusOf(const std::string& name) const override {
    const IdentityRunner& runner = Find(name);
    DeviceStatus status = GatherStatus(config_, runner.config(), clock_.Now());
    // What the disk may not have taken.
    status.activity = runner.activity();
    return status;
  }
  void RenewNow(const std::string& name, Done done) override {
    IdentityRunner& runner = Find(name);
    runner.RenewNow([this, name,
                     done = std::move(done)](const absl::Status& status) {
      done({.identity = name,
            .done = status.ok(),
            .message = status.ok()
                           ? RenewedText(name)
                           : absl::StrCat("not renewed: ", status.message())});
    });
  }
  absl::Status SetPaused(const std::string& name, bool paused) override {
    return Find(name).SetPaused(paused);
  }

  // Of a run that is for once: the worst of them.
  int exit_code() const {
    int code = kExitOk;
    for (const auto& runner : runners_) {
      code = std::max(code, runner->settled().value_or(kExitFailed));
    }
    return code;
  }

 private:
  IdentityRunner& Find(const std::string& name) const {
    return **std::find_if(
        runners_.begin(), runners_.end(),
        [&](const auto& runner) { return runner->name() == name; });
  }
  std::string RenewedText(const std::string& name) const {
    const DeviceStatus status = StatusOf(name);
    if (!status.credential) return "renewed";
    const Certificate& certificate = status.credential->certificate;
    return absl::StrCat("renewed: serial ", certificate.SerialHex(),
                        ", valid until ", FormatUtc(certificate.not_after));
  }
  void OnChange() {
    std::vector<std::string> doing;
    for (const auto& runner : runners_) {
      const Activity& activity = runner->activity();
      if (activity.doing.empty()) continue;
      doing.push_back(absl::StrCat(
          runner->name(), ": ", activity.doing,
          activity.next_at
              ? absl::StrCat(" until ", FormatUtc(*activity.next_at))
              : ""));
    }
    manager_.Status(absl::StrJoin(doing, "; "));
    if (once_ &&
        std::all_of(runners_.begin(), runners_.end(), [](const auto& runner) {
          return runner->settled().has_value();
        })) {
      loop_.Stop();
    }
  }
  // As long as the loop turns.
  void KeepAlive() {
    if (!manager_.watchdog_period()) return;
    manager_.StillAlive();
    watchdog_ =
        loop_.RunAfter(*manager_.watchdog_period(), [this] { KeepAlive(); });
  }
  // What was taken out of the config keeps its folder: who put it there may
  // want it back.
  void NameForgotten(const StateFolder& state) const {
    for (const std::string& name : state.Identities()) {
      const bool known = std::any_of(
          runners_.begin(), runners_.end(),
          [&](const auto& runner) { return runner->name() == name; });
      if (known) continue;
      Note(absl::StrCat("note: ", state.folder(), "/identities/", name,
                        " is of an identity that the config does not name; it "
                        "is left alone"));
    }
  }

  void Note(std::string line) const { log_({.message = std::move(line)}); }

  EventLoop& loop_;
  const Config& config_;
  const LogFunction log_;
  const bool once_;
  const ServiceManager manager_;
  const SystemClock clock_;
  std::unique_ptr<EventLoop::Timer> watchdog_;
  std::vector<std::unique_ptr<IdentityRunner>> runners_;  // use the above
};

}  // namespace

int RunDaemon(const Config& config, bool once) {
  // Before there is another thread: it changes the environment.
  ServiceManager manager = ServiceManager::FromEnvironment();
  // Of the one that has no name of its own there is nothing to tell apart.
  const bool is_alone = config.identities.size() == 1 &&
                        config.identities[0].name == kDefaultIdentity;
  const EventLog event_log = EventLog::FromEnvironment(!is_alone);
  const LogFunction log = [&](const LogEvent& event) {
    event_log.Write(event);
  };
  const auto note = [&](std::string_view line) {
    log({.message = std::string(line)});
  };
  auto state = StateFolder::Open(config.state_dir);
  if (!state.ok()) {
    note(state.status().message());
    return kExitConfigOrState;
  }
  auto loop = EventLoop::Create();
  if (!loop.ok()) {
    note(loop.status().message());
    return kExitFailed;
  }
  bool ended_by_signal = false;
  auto end = [&] {
    ended_by_signal = true;
    (*loop)->Stop();
  };
  auto on_term = (*loop)->OnSignal(SIGTERM, end);
  auto on_int = (*loop)->OnSignal(SIGINT, end);

  TpmWorker tpm(std::make_unique<EsysTpm>(
      EsysTpmOptions{.tcti = config.tpm.tcti, .parent = config.tpm.parent}));
  Daemon daemon(**loop, config, **state, tpm, std::move(manager), log, once);
  // A run that is for once is soon over, and nobody's to command.
  std::unique_ptr<ControlServer> control;
  if (!once) {
    auto made = ControlServer::Create(**loop, config.state_dir, daemon, note);
    // Renewals matter more than who would ask for them.
    if (!made.ok()) {
      log({.event = "problem",
           .message =
               absl::StrCat("no control socket: ", made.status().message()),
           .is_problem = true});
    } else {
      control = *std::move(made);
    }
  }
  daemon.Start();
  (*loop)->Run();
  daemon.Stopping();
  if (ended_by_signal) note("ended by a signal");
  const int code = ended_by_signal ? kExitOk : daemon.exit_code();

  const absl::Time grace_ends = absl::Now() + kTpmGrace;
  while (tpm.busy() && absl::Now() < grace_ends) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  if (tpm.busy()) {
    note("the TPM does not answer; leaving it");
    // What is on disk is whole at any moment.
    _exit(code);
  }
  return code;
}

}  // namespace bestow::agent
