// Makes keys for clients, away from the event loops (RFC 7030 4.4).
#ifndef SERVER_EST_KEY_MAKER_H_
#define SERVER_EST_KEY_MAKER_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "common/crypto/key_type.h"
#include "common/crypto/signer.h"
#include "server/auth/worker_pool.h"

namespace bestow::server {

// Thread-safe. Keys come from BoringSSL's generator (RFC 4086); an RSA key
// takes some tenths of a second, up to seconds.
class KeyMaker {
 public:
  struct Options {
    size_t threads = 1;  // of the cores that serve, RSA may take one
    size_t max_queued = 32;
  };

  explicit KeyMaker(const Options& options)
      : pool_(options.threads, options.max_queued) {}

  // `done` is called once, on a thread of the pool, or at once with
  // kResourceExhausted when too many wait. The key is cleansed when the signer
  // goes; nothing else keeps it. Shared, because callbacks are copied.
  using Done =
      std::function<void(absl::StatusOr<std::shared_ptr<SoftwareSigner>>)>;
  void Make(KeyType type, Done done);

 private:
  WorkerPool pool_;
};

}  // namespace bestow::server

#endif  // SERVER_EST_KEY_MAKER_H_
