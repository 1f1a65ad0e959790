// An EST server that a test can bend, on the test's own loop, over real TLS.
#ifndef AGENT_ENROLL_TESTING_EST_TEST_SERVER_H_
#define AGENT_ENROLL_TESTING_EST_TEST_SERVER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/est/protocol.h"
#include "common/net/event_loop.h"
#include "common/net/http_server.h"
#include "common/pki/pkcs10.h"
#include "common/tls/test_ca.h"

namespace bestow::agent {

class EstTestServer {
 public:
  // One request that came, as the server saw it.
  struct Seen {
    est::Operation operation;
    std::string argument;       // of a renewal-info
    std::string authorization;  // the header, or ""
    // The subject of a client certificate that verified, or "".
    std::string client;
    std::optional<Pkcs10Request> csr;  // whose signature verified
    std::string binding;               // of its connection, in base64
  };

  explicit EstTestServer(EventLoop& loop, TlsVersions versions = {});
  ~EstTestServer();

  std::string url() const;
  const TestCa& ca() const { return ca_; }

  // Replies instead of the default: issue to any CSR what it asks for.
  std::function<std::optional<HttpResponse>(const Seen&)> override_reply;
  // What /simpleenroll asks for who shows nothing; empty: nothing. Any answer
  // is good.
  std::vector<std::string> challenges;
  bool closes_after_challenge = false;
  // Beside the CA certificate in /cacerts.
  std::vector<Bytes> more_cacerts;
  absl::Duration lifetime = absl::Hours(1);
  std::vector<Seen> seen;

  // A certs-only reply with what `issuer` gives for this key.
  HttpResponse Issue(const TestCa& issuer, const Pkcs10Request& csr,
                     const Bytes& spki) const;
  HttpResponse Challenge() const;
  std::vector<est::Operation> Operations() const;
  std::vector<Seen> Of(est::Operation operation) const;

 private:
  HttpResponse Answer(const HttpRequest& request, const HttpPeer& peer);

  SystemClock clock_;
  TestCa ca_{"test CA"};
  std::shared_ptr<const TlsContext> tls_;
  int fd_ = -1;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_TESTING_EST_TEST_SERVER_H_
