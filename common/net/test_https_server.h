// For tests: an HttpServer on a port of its own, on a thread of its own.
#ifndef COMMON_NET_TEST_HTTPS_SERVER_H_
#define COMMON_NET_TEST_HTTPS_SERVER_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/crypto/key_type.h"
#include "common/net/event_loop.h"
#include "common/net/http_server.h"
#include "common/net/raw_tls.h"
#include "common/tls/test_ca.h"

namespace bestow {

class TestHttpsServer {
 public:
  struct Options {
    HttpLimits limits;
    size_t max_connections = 100;
    int workers = 1;
    TlsVersions versions;
    KeyType ca_key = KeyType::kEcP256;
    KeyType server_key = KeyType::kEcP256;
    HttpServer::Handler handler;  // null: Echo
    bool plain = false;           // HTTP without TLS
  };

  // "POST /x body" of the request.
  static void Echo(const HttpRequest& request, const HttpPeer& peer,
                   HttpServer::Reply reply);

  explicit TestHttpsServer(Options options);
  ~TestHttpsServer();

  uint16_t port() const { return port_; }
  const TestCa& ca() const { return ca_; }
  std::shared_ptr<const TlsContext> ClientContext(
      std::optional<TlsCredential> credential = std::nullopt,
      TlsVersions versions = {}) const;
  // Connected, the handshake done.
  RawTls Connect() const;

  // Runs on the first worker's loop, and waits for it.
  void OnLoop(std::function<void(EventLoop&, HttpServer&)> fn);
  // What on_refused got so far.
  std::vector<std::string> refused() const;
  // Waits (ten seconds) until on_refused got as many.
  bool WaitForRefused(size_t count) const;
  // Waits (ten seconds) until the first worker has as many connections.
  bool WaitForConnections(size_t count);

 private:
  struct Worker {
    std::unique_ptr<EventLoop> loop;
    std::unique_ptr<HttpServer> server;
    std::thread thread;
  };

  const SystemClock clock_;
  const TestCa ca_;
  int listening_fd_ = -1;
  uint16_t port_ = 0;
  std::shared_ptr<const TlsContext> context_;
  mutable std::mutex mutex_;
  std::vector<std::string> refused_;  // guarded by mutex_
  std::vector<Worker> workers_;
};

}  // namespace bestow

#endif  // COMMON_NET_TEST_HTTPS_SERVER_H_
