// Renews the server's own TLS certificate in time, in the running server.
#ifndef SERVER_TLS_RENEWAL_TLS_TASK_H_
#define SERVER_TLS_RENEWAL_TLS_TASK_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/admin/state_folder.h"
#include "server/store/store.h"
#include "server/tls_renewal/renew_tls.h"

namespace bestow::server {

// How long after a failure, or a success, nothing is tried: doubled with each
// failure in a row (from 1) up to an hour, but often within what is `left` of
// the certificate; at least a second.
absl::Duration TlsRetryDelay(int failures, absl::Duration left);

// The housekeeper's. Not thread-safe.
class TlsTask {
 public:
  struct Options {
    std::string tls_folder;
    // What is served now.
    std::function<std::shared_ptr<const ServerState>()> state;
    // For connections that begin from now on.
    std::function<absl::Status(TlsFiles files)> serve;
    Store* store = nullptr;
  };
  explicit TlsTask(Options options) : options_(std::move(options)) {}

  // Renews when it is due; returns when it will be, or the next try. Failures
  // are in the log, as errors, and in the audit log.
  absl::Time Run(absl::Time now);

 private:
  absl::Status Renew(const ServerState& state, const CaBundle& ca,
                     absl::Time now);

  const Options options_;
  int failures_ = 0;
  absl::Time not_before_ = absl::InfinitePast();  // of the next try
};

}  // namespace bestow::server

#endif  // SERVER_TLS_RENEWAL_TLS_TASK_H_
