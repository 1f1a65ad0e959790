// Does what the machine says: connections, TPM commands, files, timers.
#ifndef AGENT_ENROLL_ENROLLER_H_
#define AGENT_ENROLL_ENROLLER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/config/config.h"
#include "agent/credentials/credential_store.h"
#include "agent/enroll/csr_plan.h"
#include "agent/enroll/machine.h"
#include "common/base/clock.h"
#include "common/crypto/key_type.h"
#include "common/est_client/est_client.h"
#include "common/est_client/http_login.h"
#include "common/est_client/trust.h"
#include "common/net/event_loop.h"
#include "common/tpm/tpm_signer.h"

namespace bestow::agent {

// Belongs to its loop's thread. What it is given must outlive it, and the
// loop must outlive the TPM worker.
class Enroller {
 public:
  struct Observer {
    // A line for the log, in plain words.
    std::function<void(const std::string& line)> log;
    // An attempt began.
    std::function<void(Mode mode)> working;
    // It waits until `time`.
    std::function<void(absl::Time time, bool is_renewal)> waiting;
    // It waits to be resumed.
    std::function<void()> paused;
    // A new credential was taken up; before that, `is_renewal`, there was one.
    std::function<void(const Credential& credential, bool is_renewal)> saved;
    std::function<void(const std::string& problem)> problem;
  };

  Enroller(EventLoop& loop, const IdentityConfig& config,
           CredentialStore& store, TpmWorker::Queue tpm, const Clock& clock,
           Observer observer);
  ~Enroller();

  // Reads the state folder and the CA file, and begins. An error says what is
  // wrong with them, and nothing was begun.
  absl::Status Start(bool paused = false);

  // What the operator wants (machine.h), once it was started.
  void RenewNow() { Handle(event::RenewNow{}); }
  void Pause() { Handle(event::Pause{}); }
  void Resume() { Handle(event::Resume{}); }

  // The one in use; nullopt before the first enrollment.
  const std::optional<Credential>& credential() const { return current_; }

 private:
  // Who vouches for the server, and what is shown to it.
  enum class Channel {
    kPinned,           // the pin alone; nothing is shown
    kServerAuth,       // the trust anchors; the secret may be shown
    kWithCertificate,  // also the current certificate
  };

  // enroller.cc: the machine, files, timers. enroller_key.cc: the TPM.
  absl::Status ReadState();
  void Handle(const Event& event);
  void Do(const action::FetchCaCerts& action);
  void Do(const action::FetchCsrAttrs& action);
  void Do(const action::FetchRenewalInfo& action);
  void Do(const action::MakeKey& action);
  void Do(const action::BuildCsr& action);
  void Do(const action::SendCsr& action);
  void Do(const action::Save& action);
  void Do(const action::DropPendingKey& action);
  void Do(const action::KeepAgenda& action);
  void Do(const action::ScheduleAt& action);
  void Do(const action::StayPaused& action);
  void Do(const action::ReportProblem& action);
  void Fail(std::string_view what, const absl::Status& status,
            FailureKind kind = FailureKind::kOther);
  // Runs its argument, unless another step began since or the enroller is
  // gone.
  std::function<void(const std::function<void()>&)> Guard();
  // Runs `job` on the TPM's thread and `done` on the loop's. A TPM that does
  // not answer in time fails the step.
  template <typename Result>
  void OnTpm(std::string_view what,
             std::function<absl::StatusOr<Result>(Tpm&)> job,
             std::function<void(absl::StatusOr<Result>)> done);
  // At the start: the TPM may have been cleared or replaced since.
  void CheckCurrentKey();
  void SayKeyLost();
  void MakeKeyOf(KeyType type);
  void CantMakeKey(KeyType type, const absl::Status& status);
  // `binding`: what links the request to its connection, or nullopt.
  void SignCsr(Mode mode, std::optional<std::string> binding);
  // Of new keys: the server's demand, or the config's wish.
  KeyType WantedKeyType() const;
  event::CsrAttrsFetched Planned() const;
  // What the request is for: the pending key, or the current one.
  const TpmKey& RequestKey() const {
    return same_key_ ? current_->key : *pending_key_;
  }
  static Validity ValidityOf(const Credential& credential);
  void WatchClock();

  // enroller_exchange.cc: what goes over the network. enroller_refresh.cc:
  // /cacerts and renewal information.
  // Calls `use` with a connection that can carry a request: the one at hand,
  // or a new one. Fails the step when there is none.
  void WithConnection(Channel channel, std::function<void()> use);
  absl::StatusOr<std::shared_ptr<const TlsContext>> MakeTls(Channel channel);
  void ConnectFailed(const absl::Status& status);
  void DropConnection();
  void TakeCaCerts(const absl::StatusOr<EstReply>& reply, bool bootstrap);
  void AskCsrAttrs(Mode mode);
  void TakeCsrAttrs(const absl::StatusOr<EstReply>& reply, Mode mode);
  void Send(Mode mode);
  void TakeRenewalInfo(const absl::StatusOr<HttpResponse>& response);
  void TakeIssued(const absl::StatusOr<EstReply>& reply, Mode mode);
  void Refused(std::string_view what, const EstReply& reply);
  // The request was understood, and the same again would be refused again.
  static bool IsRefusal(int status);
  // Null where no name and secret are shown.
  HttpLogin* LoginFor(Mode mode);
  static Channel ChannelFor(Mode mode) {
    return mode == Mode::kReenroll ? Channel::kWithCertificate
                                   : Channel::kServerAuth;
  }

  EventLoop& loop_;
  const IdentityConfig& config_;
  CredentialStore& store_;
  const TpmWorker::Queue tpm_;
  const Clock& clock_;
  const Observer observer_;
  absl::BitGen random_;
  Machine machine_;

  std::vector<Certificate> configured_cas_;
  std::vector<Certificate> learned_cas_;
  std::vector<std::string> refused_cas_;  // of the last /cacerts
  std::string explanation_url_;           // of the last renewal information
  Trust trust_;
  std::optional<Credential> current_;
  std::optional<TpmKey> pending_key_;
  KeyProtection protection_;

  // Of the attempt under way.
  std::optional<HttpLogin> login_;  // the connection's, which comes after it
  std::shared_ptr<TpmSigner> tls_signer_;
  std::shared_ptr<EstClient> client_;
  Channel channel_ = Channel::kPinned;
  bool same_key_ = false;
  CsrPlan plan_;
  Bytes csr_der_;
  std::optional<IssuedCredential> issued_;

  // Counts the steps: what answers an earlier one comes too late.
  uint64_t step_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<EventLoop::Timer> timer_;
  std::unique_ptr<EventLoop::Timer> tpm_deadline_;
  std::unique_ptr<EventLoop::Timer> clock_watch_;
  absl::Duration clock_offset_;  // wall clock minus the steady one
};

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_ENROLLER_H_
