// For tests: an EST server that says what the test wants, and an
// UpstreamKeeper whose time passes when the test says so.
#ifndef SERVER_UPSTREAM_UPSTREAM_FIXTURE_H_
#define SERVER_UPSTREAM_UPSTREAM_FIXTURE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/net/test_https_server.h"
#include "common/pki/pkcs10.h"
#include "server/upstream/upstream_keeper.h"

namespace bestow::server {

// Thread-safe.
class ManualClock : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixNanos(now_); }
  void Pass(absl::Duration time) {
    now_ += absl::ToInt64Nanoseconds(absl::Ceil(time, absl::Nanoseconds(1)));
  }

 private:
  std::atomic<int64_t> now_ = absl::GetCurrentTimeNanos();
};

// A real HTTPS server, which checks what a real one would: who asks, and that a
// one-time secret serves one key alone. Thread-safe.
class FakeUpstream {
 public:
  // Of a request that enrolls.
  struct Asked {
    std::string operation;
    std::string client;  // common name of its certificate; "": none
    bool with_secret = false;
    Pkcs10Request request;
  };
  using Issue = std::function<Bytes(const Asked& asked)>;  // a certificate

  static constexpr char kUser[] = "edge-1";
  static constexpr char kSecret[] = "the secret";

  // What it issues lasts for so long by `clock`, which outlives it.
  explicit FakeUpstream(const Clock& clock,
                        absl::Duration lifetime = absl::Hours(3));

  const TestCa& ca() const { return server_->ca(); }
  ServerUrl url() const;
  std::vector<Asked> asked() const;
  // Of all kinds.
  int requests() const;
  // What it answers to an operation ("cacerts") from now on; nullopt: rightly.
  // A status of 0: never anything.
  void Answer(const std::string& operation,
              std::optional<HttpResponse> response);
  // What it answers to those that enroll, after it has issued, next time.
  void LoseNextReply();
  // The next certificates, in place of ca()'s for a client.
  void SetIssue(Issue issue);
  void SetCaCerts(std::vector<Bytes> certificates);

  static HttpResponse Certificates(const std::vector<Bytes>& certificates);
  static HttpResponse Status(int status, const std::string& retry_after = "");

 private:
  HttpResponse Handle(const HttpRequest& request, const HttpPeer& peer);
  HttpResponse Enroll(const std::string& operation, const HttpRequest& request,
                      const HttpPeer& peer);

  const Clock& clock_;
  const absl::Duration lifetime_;
  mutable std::mutex mutex_;
  std::map<std::string, HttpResponse> answers_;
  std::vector<Asked> asked_;
  int requests_ = 0;
  bool lose_next_reply_ = false;
  Issue issue_;
  std::vector<Bytes> ca_certs_;
  // What the secret was spent for.
  std::optional<std::pair<Bytes, Bytes>> served_;  // key, certificate
  std::vector<HttpServer::Reply> never_;           // the server's thread's
  std::unique_ptr<TestHttpsServer> server_;        // goes first
};

// A keeper's loop, on the test's thread.
class KeeperDriver {
 public:
  KeeperDriver();

  // Fills clock, log and sleep; starts it, and runs until it waits.
  absl::Status Start(UpstreamKeeper::Options options);
  UpstreamKeeper& keeper() { return *keeper_; }
  // Until it waits again: after keeper().Reload().
  void Run();
  // Lets time pass until it does something, and has; how much time that was.
  absl::Duration Sleep();

  ManualClock& clock() { return clock_; }
  const std::vector<std::string>& log() const { return log_; }
  bool Logged(const std::string& text) const;
  int changes() const { return changes_; }

 private:
  std::shared_ptr<void> Arm(absl::Duration pause, std::function<void()> fn);
  void Fire();

  ManualClock clock_;
  std::vector<std::string> log_;
  int changes_ = 0;
  int arms_ = 0;
  int steps_ = 0;  // that went well
  std::function<void()> armed_;
  absl::Duration pause_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<UpstreamKeeper> keeper_;
};

}  // namespace bestow::server

#endif  // SERVER_UPSTREAM_UPSTREAM_FIXTURE_H_
