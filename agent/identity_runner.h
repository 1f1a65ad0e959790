// One identity of the daemon: its folder, its enroller, what is known of it.
#ifndef AGENT_IDENTITY_RUNNER_H_
#define AGENT_IDENTITY_RUNNER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/config/config.h"
#include "agent/credentials/credential_store.h"
#include "agent/credentials/state_folder.h"
#include "agent/enroll/enroller.h"
#include "agent/service/event_log.h"
#include "agent/status/activity.h"
#include "common/base/clock.h"
#include "common/net/event_loop.h"
#include "common/tpm/tpm_signer.h"

namespace bestow::agent {

// Belongs to its loop's thread. What it is given must outlive it.
class IdentityRunner {
 public:
  struct Context {
    EventLoop& loop;
    StateFolder& state;
    const Clock& clock;
    // Of each event it says the identity. Beside "note" there are "enrolling",
    // "renewing", "checking", "waiting", "retrying", "paused", "enrolled",
    // "renewed" and "problem".
    LogFunction log;
    // settled() or activity() changed.
    std::function<void()> on_change;
  };

  IdentityRunner(const IdentityConfig& config, TpmWorker::Queue tpm,
                 Context context);
  ~IdentityRunner();

  // How a renewal that was asked for ended.
  using OnRenewed = std::function<void(const absl::Status&)>;

  // Begins, unless it is paused. What can't begin (its CA file is missing, its
  // folder can't be written) says so, and is tried again with growing delays,
  // for ever.
  void Start();

  // Renews whether it is due or not, and calls `done` once: perhaps at once,
  // perhaps after minutes, never after this object has gone. The message of an
  // error says why not; kFailedPrecondition: it is paused.
  void RenewNow(OnRenewed done);
  // The off switch, on the disk first. An attempt under way is finished.
  absl::Status SetPaused(bool paused);

  const std::string& name() const { return config_.name; }
  const IdentityConfig& config() const { return config_; }
  // As it is now, which status.toml tells the others.
  const Activity& activity() const { return activity_; }
  // The exit code of a run that is for once, from when there is nothing to do
  // until later: kExitOk with a valid credential, kExitFailed after a failure,
  // kExitConfigOrState when it could not begin.
  std::optional<int> settled() const { return settled_; }

 private:
  absl::Status TryStart();
  void Working(Mode mode);
  void Waiting(absl::Time time, bool is_renewal);
  void Paused();
  void Saved(const Credential& credential, bool is_renewal);
  void Problem(const std::string& why);
  void Settle(int exit_code);
  // Whoever waits for a renewal: it came, or not.
  void Answer(bool renewed);
  void Log(std::string event, std::string message,
           std::vector<std::pair<std::string, std::string>> fields = {});
  void WriteActivity();

  const IdentityConfig& config_;
  const TpmWorker::Queue tpm_;
  const Context context_;
  absl::BitGen random_;

  Activity activity_;
  std::string folder_;  // "" until it is there
  std::optional<int> settled_;
  std::vector<OnRenewed> waiters_;
  std::string why_not_;  // the last problem since somebody began to wait
  int failed_starts_ = 0;
  std::unique_ptr<CredentialStore> store_;
  std::unique_ptr<Enroller> enroller_;  // uses the above
  std::unique_ptr<EventLoop::Timer> restart_;
};

}  // namespace bestow::agent

#endif  // AGENT_IDENTITY_RUNNER_H_
