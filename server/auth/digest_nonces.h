// The nonces of HTTP Digest (RFC 7616 3.3): made, recognized, used in order.
#ifndef SERVER_AUTH_DIGEST_NONCES_H_
#define SERVER_AUTH_DIGEST_NONCES_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/secret.h"
#include "server/store/nonce_store.h"
#include "server/store/nonce_window.h"

namespace bestow::server {

// A nonce is base64url(time || random || HMAC-SHA-256 over both and the scope)
// under a key of this process, or one that several servers share: it costs no
// memory until it is used rightly. What was used is kept in a table of a fixed
// size; when that is full, its oldest nonce goes, and with it all that are
// older still. Servers that share keep it in their database instead:
// Recognize(). Thread-safe.
class DigestNonces {
 public:
  struct Options {
    size_t max_used = 16384;  // nonces in the table; some 100 octets each
    // kKeyBytes octets; null: a fresh one.
    std::shared_ptr<const Secret> key;
  };
  static constexpr size_t kKeyBytes = 32;

  explicit DigestNonces(const Options& options);

  // `scope`: where it is good (realm and label).
  std::string Make(std::string_view scope, absl::Time now) const;

  // Takes one use of a nonce, after the response proved to be right (so that
  // who knows no password can't fill the table). True: ours, for this scope,
  // not older than `lifetime`, and `nc` was not seen with it. Counts may come
  // out of order, see NonceWindow.
  // False: the client is to try again with a fresh one ("stale").
  [[nodiscard]] bool Use(std::string_view nonce, std::string_view scope,
                         uint32_t nc, absl::Duration lifetime, absl::Time now);

  // The first half of Use(): whether it is ours and not too old. nullopt:
  // "stale". What it returns is for the table that all servers share.
  std::optional<NonceUse> Recognize(std::string_view nonce,
                                    std::string_view scope, uint32_t nc,
                                    absl::Duration lifetime,
                                    absl::Time now) const;

 private:
  static constexpr size_t kTimeBytes = 8;
  static constexpr size_t kRandomBytes = 12;
  static constexpr size_t kMacBytes = 32;
  // Time and random part: their order is the nonces' order in time.
  using Id = std::array<uint8_t, kTimeBytes + kRandomBytes>;
  std::array<uint8_t, kMacBytes> MacOf(const Id& id,
                                       std::string_view scope) const;

  const Options options_;
  const std::shared_ptr<const Secret> key_;
  std::mutex mutex_;
  std::map<Id, NonceWindow> used_;
  Id forgotten_{};  // nonces up to this one are over
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_DIGEST_NONCES_H_
