// Uses of Digest nonces, where several servers must know of them.
#ifndef SERVER_STORE_NONCE_STORE_H_
#define SERVER_STORE_NONCE_STORE_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"

namespace bestow::server {

struct NonceUse {
  Bytes id;
  uint32_t nc = 0;
  absl::Time now;
  absl::Time expires_at;  // of the nonce: it may be forgotten then
};

// Thread-safe.
class NonceStore {
 public:
  virtual ~NonceStore() = default;

  // Takes one use of a nonce, whichever servers it is shown to. `done` is
  // called once, on a thread of the store: true when it is the first use of
  // this count (see NonceWindow). NOT checked: whether the nonce is ours.
  using NonceDone = std::function<void(absl::StatusOr<bool>)>;
  virtual void UseNonce(NonceUse use, NonceDone done) = 0;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_NONCE_STORE_H_
