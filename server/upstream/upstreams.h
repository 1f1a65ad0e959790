// The upstreams that the config names, on one thread of their own.
#ifndef SERVER_UPSTREAM_UPSTREAMS_H_
#define SERVER_UPSTREAM_UPSTREAMS_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/net/event_loop.h"
#include "server/config/tls_config.h"
#include "server/config/upstream_config.h"
#include "server/upstream/connection_pool.h"
#include "server/upstream/forwarder.h"
#include "server/upstream/own_certificate.h"
#include "server/upstream/upstream_keeper.h"

namespace bestow::server {

// Thread-safe. Connections, keys and trust belong to its thread; callers wait
// for nothing.
class Upstreams : public Forwarder {
 public:
  struct Options {
    std::string state_dir;
    const Clock* clock = nullptr;  // outlives it
    // Called from its thread.
    std::function<void(const std::string&)> log;
  };

  static absl::StatusOr<std::unique_ptr<Upstreams>> Create(Options options);
  // As Stop().
  ~Upstreams() override { Stop(); }
  // Ends what is under way without a callback, and its thread.
  void Stop();

  // What was learned of an upstream's CA certificates is other than before: it
  // is to be served, and devices judged by it.
  using OnCaCerts = std::function<void(
      const std::string& folder, const std::vector<Certificate>& learned)>;
  // Before the first Configure(). Called from its thread.
  void SetOnCaCerts(OnCaCerts on_ca_certs) {
    on_ca_certs_ = std::move(on_ca_certs);
  }

  // Makes the TLS certificate that a TlsWish is for. Before the first
  // Configure(); it and what it makes are called from its thread. Null: none.
  using MakeTls =
      std::function<std::unique_ptr<OwnCertificate>(const TlsWish& wish)>;
  void SetMakeTls(MakeTls make_tls) { make_tls_ = std::move(make_tls); }

  // From now on these, by their folders. One that is as before goes on, and
  // takes up what has changed on the disk (UpstreamKeeper::Reload()); one that
  // is not any more ends, and what it was asked is kBusy. `tls`: the server's
  // own certificate is kept too, nullopt when it is not from upstream.
  void Configure(std::vector<UpstreamConnection> connections,
                 std::optional<TlsWish> tls = std::nullopt);

  void Forward(ForwardRequest request, Done done) override;
  std::optional<Bytes> CsrAttrs(const std::string& folder) override;

 private:
  // Belongs to the thread.
  struct Upstream {
    UpstreamConnection connection;
    std::unique_ptr<UpstreamKeeper> keeper;
    std::unique_ptr<ConnectionPool> pool;
  };

  Upstreams(Options options, std::unique_ptr<EventLoop> loop);
  void ConfigureNow(const std::vector<UpstreamConnection>& connections);
  void ConfigureTlsNow(const std::optional<TlsWish>& tls);
  void Reload(UpstreamKeeper& keeper, const UpstreamConnection& connection);
  // Null, and it is in the log: it can't be used.
  std::unique_ptr<UpstreamKeeper> MakeKeeper(UpstreamKeeper::Options options);
  void Add(const UpstreamConnection& connection);
  void OnChange(const std::string& folder);
  void ForwardNow(ForwardRequest request, Done done);

  const Options options_;
  OnCaCerts on_ca_certs_;
  MakeTls make_tls_;
  std::unique_ptr<EventLoop> loop_;
  std::map<std::string, std::unique_ptr<Upstream>> upstreams_;  // by folder
  std::optional<TlsWish> tls_;
  std::unique_ptr<UpstreamKeeper> tls_keeper_;  // of tls_; null: none
  std::mutex mutex_;
  std::map<std::string, std::optional<Bytes>> csr_attrs_;  // by folder
  std::thread thread_;
};

// What the upstream's reply means for a request with the key `spki`. The
// certificate, if there is one, has a path to `trust` now.
ForwardAnswer ReadForwardReply(const absl::StatusOr<EstReply>& reply,
                               ByteView spki, const Trust& trust,
                               absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_UPSTREAM_UPSTREAMS_H_
