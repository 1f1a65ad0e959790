// Who is asking: by TLS client certificate (RFC 7030 3.3.2), HTTP Basic or
// Digest (3.2.3), or both.
#ifndef SERVER_AUTH_AUTHENTICATOR_H_
#define SERVER_AUTH_AUTHENTICATOR_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/net/http_auth.h"
#include "common/tls/tls_stream.h"
#include "server/auth/auth_failure.h"
#include "server/auth/auth_rules.h"
#include "server/auth/certificate_auth.h"
#include "server/auth/digest_auth.h"
#include "server/auth/password.h"
#include "server/auth/principal.h"
#include "server/auth/sealed_secret.h"
#include "server/auth/try_limiter.h"
#include "server/auth/worker_pool.h"
#include "server/store/store.h"

namespace bestow::server {

// Thread-safe. Failures are MakeAuthFailure()s (auth_failure.h), or other
// statuses: kResourceExhausted and kUnavailable (try again later), else the
// store's.
class Authenticator {
 public:
  struct Options {
    size_t password_threads = 2;
    size_t max_queued_passwords = 256;
    ScryptCost cost;  // of the hash that unknown users are checked against
    // Wrong credentials, counted for each address and for each user.
    TryLimiter::Options wrong_tries;
    // Opens what Digest needs. Null: nobody was given Digest.
    std::shared_ptr<const SecretSealer> sealer;
    DigestAuth::Options digest;
  };

  // `store` and `clock` must outlive it. Where servers share the database, the
  // key of their nonces is in it, sealed; kFailedPrecondition: under another
  // seal.key than this server's.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Create(
      Store& store, const Clock& clock, Options options);
  // Finishes the checks under way.
  ~Authenticator();

  // What a request shows. All of it need live no longer than the call.
  struct Request {
    const AuthRules& rules;
    std::string_view method;
    std::string_view target;                   // as on the request line
    std::optional<std::string> authorization;  // the header
    const TlsPeer& peer;
    std::string_view remote_address;  // "192.0.2.7:50312"
  };

  // Judges what rules.config.require asks for. kAny: the HTTP credentials that
  // a client chose to send are the ones that count, also beside a certificate;
  // without any, its certificate. kCertificateAndPassword: both, of one
  // identity; the certificate is judged first, so that nobody without one can
  // try passwords. `done` is called once, now or later, on this or a thread of
  // the pool.
  // A password costs one scrypt whether the name is known or not. Wrong tries
  // from one address or for one user are limited (kTooManyTries); a right
  // one-time secret passes nevertheless: nobody guesses one, and a flood of
  // wrong passwords keeps no new device out.
  using Done = std::function<void(absl::StatusOr<Principal>)>;
  void Authenticate(const Request& request, Done done);

  // For /simplereenroll: the certificate that is to be renewed, alone; no
  // password stands in for it (RFC 7030 4.2.2). One that is expired passes
  // within rules.expired_grace.
  absl::StatusOr<Principal> ForReenrollment(const AuthRules& rules,
                                            const TlsPeer& peer) const;

  // The values of WWW-Authenticate, one header each: Basic first, then Digest,
  // as far as the service offers them.
  std::vector<std::string> Challenges(const AuthRules& rules, bool stale) const;

 private:
  // One request's way through the HTTP credentials.
  struct Check;

  Authenticator(Store& store, const Clock& clock, const Options& options,
                std::string nobodys_hash);

  void ByHttp(std::shared_ptr<Check> check);
  void ByBasic(std::shared_ptr<Check> check);
  // On a thread of the pool.
  void VerifyPasswordOf(Check& check) const;
  void ByDigest(std::shared_ptr<Check> check);
  void ByNonce(std::shared_ptr<Check> check, const DigestAuth::Answer& answer,
               absl::StatusOr<bool> fresh) const;

  // How long the check has to wait for its address and its user.
  absl::Duration Wait(const Check& check) const;
  void FinishTooMany(Check& check, absl::Duration wait) const;
  void FinishWrong(Check& check) const;
  // Right credentials: whether they are good for this service, and go with the
  // certificate.
  void FinishRight(Check& check, const Identity& identity, AuthMethod method,
                   std::optional<int64_t> secret_id) const;
  absl::Status Unauthenticated(const AuthRules& rules, AuthFailure::Kind kind,
                               std::string_view message,
                               bool stale = false) const;

  Store& store_;
  const Clock& clock_;
  const std::string nobodys_hash_;
  const CertificateAuth certificates_;
  DigestAuth digest_;
  mutable TryLimiter wrong_tries_;
  std::mutex nonces_mutex_;
  std::condition_variable no_nonces_;
  int nonces_under_way_ = 0;  // at the store
  WorkerPool pool_;           // last: its threads use the rest
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_AUTHENTICATOR_H_
