// EST's exchanges (RFC 7030) over one HTTPS connection.
#ifndef COMMON_EST_CLIENT_EST_CLIENT_H_
#define COMMON_EST_CLIENT_EST_CLIENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/est/protocol.h"
#include "common/est_client/http_login.h"
#include "common/est_client/server_url.h"
#include "common/net/event_loop.h"
#include "common/net/http_client.h"

namespace bestow {

struct EstReply {
  int status = 0;
  Bytes body;          // decoded; only of a 200
  std::string reason;  // one line, fit for a log; only of an error
  std::optional<absl::Duration> retry_after;
  // Of a 401 that ended the connection: its challenge was understood, and the
  // same request over a new connection will answer it.
  bool ask_again = false;
};

// From a Retry-After header (RFC 9110 10.2.3): seconds or an HTTP-date.
// nullopt when it is neither. A date that has passed is zero.
std::optional<absl::Duration> ParseRetryAfter(std::string_view value,
                                              absl::Time now);
// The first line, printable ASCII, at most 200 characters.
std::string SanitizeReason(std::string_view body);
// The kInvalidArgument of a 200 whose body is not EST's base64.
absl::StatusOr<EstReply> ReadEstReply(const HttpResponse& response,
                                      absl::Time now);

// Belongs to its loop's thread; destroying it cuts the connection, and no
// callback comes after that.
class EstClient {
 public:
  using Done = std::function<void(absl::StatusOr<EstReply>)>;

  // The server is authenticated by `tls`, before anything is sent.
  EstClient(EventLoop& loop, const ServerUrl& server,
            std::shared_ptr<const TlsContext> tls);

  void Connect(std::function<void(absl::Status)> done);
  // One at a time. With a `login`, which must outlive the exchange, a 401 is
  // answered over the same connection, if that goes on; null: nothing is
  // shown.
  void Get(est::Operation operation, HttpLogin* login, Done done);
  void PostCsr(est::Operation operation, ByteView csr_der, HttpLogin* login,
               Done done);

  // /serverkeygen (RFC 7030 4.4). Gives the response as it came: the body of a
  // 200 is a multipart with a private key in it.
  void PostServerKeyGen(ByteView csr_der, HttpLogin* login,
                        HttpClient::OnResponse done);
  // The text as it came: JSON, not base64.
  void GetText(est::Operation operation, std::string_view argument,
               HttpClient::OnResponse done);

  bool reusable() const { return http_.reusable(); }
  // The connection's channel binding as a challenge password carries it:
  // tls-unique on TLS 1.2, tls-exporter on 1.3, in base64 (RFC 7030 3.5,
  // RFC 9266).
  absl::StatusOr<std::string> ChannelBinding() const;

 private:
  HttpRequest CsrRequest(est::Operation operation, ByteView csr_der) const;
  // Sends, and after a 401 that `login` can answer sends again.
  void Send(HttpRequest request, HttpLogin* login, HttpClient::OnResponse done);
  // Reads the response as ReadEstReply() does.
  static HttpClient::OnResponse Reading(const HttpLogin* login, Done done);

  const ServerUrl server_;
  HttpClient http_;
};

}  // namespace bestow

#endif  // COMMON_EST_CLIENT_EST_CLIENT_H_
