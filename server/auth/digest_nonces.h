// The nonces of HTTP Digest (RFC 7616 3.3): made, recognized, used in order.
#ifndef SERVER_AUTH_DIGEST_NONCES_H_
#define SERVER_AUTH_DIGEST_NONCES_H_

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/secret.h"

namespace bestow::server {

// A nonce is base64url(time || random || HMAC-SHA-256 over both and the scope)
// under a key of this process: it costs no memory until it is used rightly.
// What was used is kept in a table of a fixed size; when that is full, its
// oldest nonce goes, and with it all that are older still. Thread-safe.
class DigestNonces {
 public:
  struct Options {
    size_t max_used = 16384;  // nonces in the table; some 100 octets each
  };

  explicit DigestNonces(const Options& options);

  // `scope`: where it is good (realm and label).
  std::string Make(std::string_view scope, absl::Time now) const;

  // Takes one use of a nonce, after the response proved to be right (so that
  // who knows no password can't fill the table). True: ours, for this scope,
  // not older than `lifetime`, and `nc` was not seen with it. Counts may come
  // out of order by up to kWindow, as parallel connections send them.
  // False: the client is to try again with a fresh one ("stale").
  static constexpr uint32_t kWindow = 64;
  [[nodiscard]] bool Use(std::string_view nonce, std::string_view scope,
                         uint32_t nc, absl::Duration lifetime, absl::Time now);

 private:
  static constexpr size_t kTimeBytes = 8;
  static constexpr size_t kRandomBytes = 12;
  static constexpr size_t kMacBytes = 32;
  // Time and random part: their order is the nonces' order in time.
  using Id = std::array<uint8_t, kTimeBytes + kRandomBytes>;
  struct Uses {
    uint32_t highest = 0;
    uint64_t seen = 0;  // bit i: highest - i
  };
  std::array<uint8_t, kMacBytes> MacOf(const Id& id,
                                       std::string_view scope) const;
  static bool TakeCount(Uses& uses, uint32_t nc);

  const Options options_;
  const Secret key_;
  std::mutex mutex_;
  std::map<Id, Uses> used_;
  Id forgotten_{};  // nonces up to this one are over
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_DIGEST_NONCES_H_
