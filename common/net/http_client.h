// One HTTPS connection to a server, request after request.
#ifndef COMMON_NET_HTTP_CLIENT_H_
#define COMMON_NET_HTTP_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/net/event_loop.h"
#include "common/net/http_message.h"
#include "common/tls/tls_stream.h"

namespace bestow {

// Belongs to its loop's thread. Destroying it cuts the connection; callbacks
// are not called after that.
class HttpClient {
 public:
  struct Options {
    std::string host;  // DNS name or IP literal; resolved, addresses in turn
    uint16_t port = 443;
    std::shared_ptr<const TlsContext> tls;
    HttpLimits limits;
    absl::Duration connect_timeout = absl::Seconds(10);  // each address
  };
  using OnConnected = std::function<void(absl::Status)>;
  using OnResponse = std::function<void(absl::StatusOr<HttpResponse>)>;

  HttpClient(EventLoop& loop, Options options);
  ~HttpClient();

  // Once. Resolves, connects, does the handshake. kUnavailable: can't be
  // reached (the message says which addresses and why); kPermissionDenied: the
  // server is not trusted, or refused our certificate; kDeadlineExceeded.
  void Connect(OnConnected done);
  // After Connect; one at a time. Host, Content-Length, User-Agent are added.
  // On 1xx goes on reading. An error ends the connection: kUnavailable: it
  // ended before the reply; kDataLoss: within it; kDeadlineExceeded;
  // kInvalidArgument: no HTTP; kResourceExhausted: beyond the limits;
  // kPermissionDenied: the server refused our certificate (on TLS 1.3 this is
  // seen only here).
  void Send(HttpRequest request, OnResponse done);
  // nullptr before Connect is done.
  const TlsStream* tls() const;
  // False once the server closed or said it would: a new client is needed.
  bool reusable() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the call under way
};

}  // namespace bestow

#endif  // COMMON_NET_HTTP_CLIENT_H_
