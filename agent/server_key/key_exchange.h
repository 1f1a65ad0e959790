// One request for a server-generated key over the network (RFC 7030 4.4).
#ifndef AGENT_SERVER_KEY_KEY_EXCHANGE_H_
#define AGENT_SERVER_KEY_KEY_EXCHANGE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/config/config.h"
#include "agent/credentials/credential.h"
#include "agent/enroll/csr_plan.h"
#include "agent/server_key/protection.h"
#include "common/base/clock.h"
#include "common/crypto/signer.h"
#include "common/est_client/est_client.h"
#include "common/est_client/http_login.h"
#include "common/est_client/trust.h"
#include "common/net/event_loop.h"
#include "common/net/http_message.h"
#include "common/tpm/tpm_signer.h"

namespace bestow::agent {

// Belongs to its loop's thread. Connects, asks for the CSR attributes, sends
// the request. Who asks is the current certificate while it is valid, else the
// configured user with the secret; the server is authenticated before either
// is shown. What it is given must outlive it.
class KeyExchange {
 public:
  struct Context {
    const IdentityConfig& config;
    const Trust& trust;
    const std::optional<Credential>& current;
    const KeyProtection& protection;
    // Only its type and size count for the server (4.4.1); it signs the
    // request all the same.
    SoftwareSigner& request_key;
    TpmWorker::Queue tpm;
    const Clock& clock;
    std::function<void(const std::string& line)> log;
  };
  // The 200 that holds the key. kUnavailable: try again later, as the message
  // says (202, 503, no connection); else why it was refused.
  using Done = std::function<void(absl::StatusOr<HttpResponse>)>;

  KeyExchange(EventLoop& loop, const Context& context);

  // Once.
  void Start(Done done);

 private:
  absl::StatusOr<std::shared_ptr<const TlsContext>> MakeTls();
  bool HasValidCertificate() const;
  HttpLogin* login() { return login_ ? &*login_ : nullptr; }
  // Calls `use` with a connection that can carry a request: the one at hand,
  // or a new one.
  void WithConnection(std::function<void()> use);
  void ConnectFailed(const absl::Status& status);
  void AskAttributes();
  void TakeAttributes(const absl::StatusOr<EstReply>& reply);
  absl::StatusOr<Bytes> BuildRequest();
  void SendRequest();
  void TakeReply(absl::StatusOr<HttpResponse> response);
  void Finish(absl::StatusOr<HttpResponse> result);

  EventLoop& loop_;
  const Context context_;
  Done done_;
  const bool with_certificate_;
  std::shared_ptr<TpmSigner> tls_signer_;
  CsrPlan plan_;
  std::shared_ptr<const TlsContext> tls_;
  std::optional<HttpLogin> login_;  // before the client, which uses it
  std::shared_ptr<EstClient> client_;
};

}  // namespace bestow::agent

#endif  // AGENT_SERVER_KEY_KEY_EXCHANGE_H_
