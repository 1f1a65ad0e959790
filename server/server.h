// The running server: worker threads, each with its own loop and connections,
// on shared listening sockets.
#ifndef SERVER_SERVER_H_
#define SERVER_SERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/net/event_loop.h"
#include "common/net/http_server.h"
#include "common/tls/tls_context.h"
#include "server/admin/state_folder.h"
#include "server/audit/audit_trail.h"
#include "server/audit/serving_entry.h"
#include "server/auth/authenticator.h"
#include "server/auth/sealed_secret.h"
#include "server/est/est_service.h"
#include "server/housekeeping/housekeeper.h"
#include "server/revocation/revocation_service.h"
#include "server/store/store.h"
#include "server/upstream/upstreams.h"

namespace bestow::server {

class Server {
 public:
  // `clock` must outlive it, `listening_fds` stay open as long. `log_line` is
  // called from every worker's thread. Nothing is accepted before Run().
  // `public_fds`, which stay open too, are for plain HTTP (public_http.h).
  static absl::StatusOr<std::unique_ptr<Server>> Create(
      ServerState state, std::unique_ptr<Store> store,
      std::vector<int> listening_fds, const Clock& clock,
      Exchange::LogLine log_line, std::vector<int> public_fds = {});
  ~Server();

  // Thread-safe. From now on requests are answered, and connections accepted,
  // by `state`; those under way go on by what they began with. Returns the
  // settings of the config, by name, that differ from those the server started
  // with and that only a restart changes; "seal.key" is the key's file. On a
  // failure nothing has changed. Audited, with what changed, as `actor`'s
  // doing.
  absl::StatusOr<std::vector<std::string>> Reload(
      const ServerState& state, const std::string& actor = kServerActor);

  // Looks whether the trust anchors in the database have changed, here or on
  // another server, and if so answers by them from now on. Thread-safe; a
  // failure is logged, and the old ones stay.
  void RefreshAnchors();

  // New CRLs where that is due: waits until they are served, some seconds at
  // most. Thread-safe, but not for a worker's loop or the housekeeper.
  void PublishRevocations() { revocation_->PublishNow(); }

  // What answers requests now. Thread-safe.
  struct Current {
    std::shared_ptr<const ServerState> state;
    std::shared_ptr<const Snapshot> snapshot;
  };
  Current current() const;
  Store& store() { return *store_; }
  const SecretSealer& sealer() const { return *sealer_; }

  // Of this server: tasks may be added before and while it runs. They run while
  // Run() does.
  Housekeeper& housekeeper() { return housekeeper_; }
  RevocationService& revocation() { return *revocation_; }
  AuditTrail& audit() { return *audit_; }

  // What to do when an upstream's CA certificates have changed: Reload() with
  // them. Before Run(); called from another thread, while that runs.
  void SetOnUpstreamCaCerts(Upstreams::OnCaCerts on_ca_certs) {
    upstreams_->SetOnCaCerts(std::move(on_ca_certs));
  }

  // How its own TLS certificate is kept, where [tls] says that it is from
  // upstream. As above.
  void SetMakeUpstreamTls(Upstreams::MakeTls make_tls) {
    upstreams_->SetMakeTls(std::move(make_tls));
  }

  // Serves until Stop(); returns when requests under way have been answered or
  // limits.drain_timeout is over.
  void Run();
  // Thread-safe; more than once is once.
  void Stop();

 private:
  struct Worker {
    std::shared_ptr<EventLoop> loop;
    std::unique_ptr<HttpServer> http;
    std::unique_ptr<HttpServer> public_http;  // null: none
    int draining = 0;
    std::thread thread;
  };

  // What a reload swaps.
  struct Serving {
    std::shared_ptr<const Snapshot> snapshot;
    std::shared_ptr<const TlsContext> tls;
    absl::Duration drain_timeout;
    std::shared_ptr<const ServerState> state;  // what it was made from
    int64_t anchors_version = 0;
  };

  Server(const Config& config, std::unique_ptr<Store> store,
         const Clock& clock);
  absl::StatusOr<Serving> MakeServing(
      std::shared_ptr<const ServerState> state) const;
  void Serve(Serving serving);
  Serving serving() const;
  absl::Status AddWorker(const std::vector<int>& listening_fds,
                         const std::vector<int>& public_fds);
  absl::Status AddPublicHttp(const std::vector<int>& public_fds,
                             Worker& worker);
  size_t ConnectionsPerWorker(const Config& config) const;
  size_t PublicConnectionsPerWorker() const;

  std::atomic<bool> stopping_{false};
  const Config started_with_;
  const size_t worker_count_;
  const Clock& clock_;
  std::mutex reload_mutex_;  // one change of what is served at a time
  mutable std::mutex serving_mutex_;
  Serving serving_;
  Exchange::LogLine log_line_;
  // The threads of what stands below post to the workers' loops until they are
  // joined: the loops must go after them. What nobody joins (a CA key's TPM)
  // holds them weakly.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<const SecretSealer> sealer_;
  std::unique_ptr<Authenticator> authenticator_;  // uses store_
  std::unique_ptr<AuditTrail> audit_;             // uses store_
  std::unique_ptr<Upstreams> upstreams_;
  std::unique_ptr<EstService> service_;
  std::unique_ptr<RevocationService> revocation_;
  Housekeeper housekeeper_;  // its tasks use all of the above
};

}  // namespace bestow::server

#endif  // SERVER_SERVER_H_
