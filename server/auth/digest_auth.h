// HTTP Digest (RFC 7616), for users who were given it.
#ifndef SERVER_AUTH_DIGEST_AUTH_H_
#define SERVER_AUTH_DIGEST_AUTH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/net/http_auth.h"
#include "server/auth/auth_rules.h"
#include "server/auth/digest_nonces.h"
#include "server/auth/sealed_secret.h"
#include "server/store/store.h"

namespace bestow::server {

// Thread-safe.
class DigestAuth {
 public:
  struct Options {
    DigestNonces::Options nonces;
  };
  // `store` and `clock` must outlive it. `sealer` null: nobody was given
  // Digest, and every answer is wrong.
  DigestAuth(Store& store, const Clock& clock,
             std::shared_ptr<const SecretSealer> sealer, const Options& options)
      : store_(store),
        clock_(clock),
        sealer_(std::move(sealer)),
        nonces_(options.nonces) {}

  // One value of WWW-Authenticate for each algorithm that the service offers,
  // MD5 first; none when it offers no Digest.
  std::vector<std::string> Challenges(const AuthRules& rules, bool stale) const;

  struct Answer {
    DigestCredentials credentials;
    // Whose secret the response was made with; nullopt: nobody's.
    std::optional<Identity> identity;
    std::optional<int64_t> secret_id;  // of a one-time secret
  };
  // Whether the response is right for the nonce that it names, whatever that
  // is: ask TakeNonce() then. Costs the same for a user who is not there.
  // kUnauthenticated: malformed, for another realm or target, or by an
  // algorithm that is not offered; nothing was tried. Else the store's, or
  // kFailedPrecondition for a seal.key that is not the folder's.
  absl::StatusOr<Answer> Check(const AuthRules& rules, std::string_view method,
                               std::string_view target,
                               std::string_view authorization) const;
  // Calls `done` once: now, or, where servers share a database, on a thread of
  // the store. False: the nonce is expired, of before a restart, or used with
  // this count already ("stale"), at whichever server.
  using NonceDone = NonceStore::NonceDone;
  void TakeNonce(const AuthRules& rules, const DigestCredentials& credentials,
                 NonceDone done);

 private:
  Store& store_;
  const Clock& clock_;
  const std::shared_ptr<const SecretSealer> sealer_;
  DigestNonces nonces_;
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_DIGEST_AUTH_H_
