// Who is asking: by TLS client certificate or HTTP Basic (RFC 7030 3.3.2,
// 3.2.3).
#ifndef SERVER_AUTH_AUTHENTICATOR_H_
#define SERVER_AUTH_AUTHENTICATOR_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/net/http_auth.h"
#include "common/tls/tls_stream.h"
#include "server/auth/password.h"
#include "server/auth/worker_pool.h"
#include "server/store/store.h"

namespace bestow::server {

enum class AuthMethod { kCertificate, kPassword, kOneTimeSecret };
const char* AuthMethodName(AuthMethod method);

// An authenticated identity.
struct Principal {
  int64_t identity_id = 0;
  std::string identity;
  AuthMethod method = AuthMethod::kPassword;
  std::optional<int64_t> secret_id;  // of a one-time secret
  bool is_ra = false;                // a registration authority (RFC 7030 3.7)
  // The one that was shown, of this server's; it is what a re-enrollment
  // renews.
  std::optional<CertificateRecord> certificate;
};

// Thread-safe. Statuses: kUnauthenticated (no or wrong credentials),
// kPermissionDenied (a certificate that does not count; the message says why),
// kResourceExhausted or kUnavailable (try again later), else the store's.
class Authenticator {
 public:
  struct Options {
    size_t password_threads = 2;
    size_t max_queued_passwords = 256;
    ScryptCost cost;  // of the hash that unknown users are checked against
  };

  // `store` and `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Create(
      Store& store, const Clock& clock, Options options);
  // Finishes the checks under way.
  ~Authenticator() = default;

  // The TLS layer has checked the path to our CA at the handshake. Here: it is
  // not over by now, and it is one that this server recorded. The identity is
  // the record's; no name in the certificate is read.
  absl::StatusOr<Principal> ByCertificate(const TlsPeer& peer) const;

  // `done` is called once, now or later, on this or a thread of the pool.
  // A password costs one scrypt whether the name is known or not.
  using Done = std::function<void(absl::StatusOr<Principal>)>;
  void ByBasic(std::string_view authorization, Done done);

 private:
  Authenticator(Store& store, const Clock& clock, Options options,
                std::string nobodys_hash);

  Store& store_;
  const Clock& clock_;
  const std::string nobodys_hash_;
  WorkerPool pool_;  // last: its threads use the rest
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_AUTHENTICATOR_H_
