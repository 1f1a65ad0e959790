#include "common/est_client/est_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/crypto/base64.h"
#include "common/est/transfer_encoding.h"

namespace bestow {
namespace {

constexpr size_t kMaxReasonChars = 200;
// A /cacerts with long chains; as PEM it still fits the files of the state
// folder, which are read up to 256 KiB.
constexpr size_t kMaxBodyBytes = 192 * 1024;
// A slow chip signs in the handshake.
constexpr absl::Duration kHandshakeTimeout = absl::Seconds(60);
// A server may have to make an RSA key, or to ask a TPM or an upstream first.
constexpr absl::Duration kReplyTimeout = absl::Seconds(60);

HttpClient::Options HttpOptions(const ServerUrl& server,
                                std::shared_ptr<const TlsContext> tls) {
  HttpClient::Options options;
  options.host = server.host;
  options.port = server.port;
  options.tls = std::move(tls);
  options.limits.body_bytes = kMaxBodyBytes;
  options.limits.handshake_timeout = kHandshakeTimeout;
  options.limits.header_timeout = kReplyTimeout;
  return options;
}

}  // namespace

std::optional<absl::Duration> ParseRetryAfter(std::string_view value,
                                              absl::Time now) {
  value = absl::StripAsciiWhitespace(value);
  const bool is_number =
      !value.empty() &&
      std::all_of(value.begin(), value.end(), absl::ascii_isdigit);
  if (is_number) {
    int64_t seconds = 0;
    if (!absl::SimpleAtoi(value, &seconds)) return absl::InfiniteDuration();
    return absl::Seconds(seconds);
  }
  // IMF-fixdate, and the two obsolete forms that recipients must take
  // (RFC 9110 5.6.7).
  for (const char* format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y"}) {
    absl::Time time;
    if (absl::ParseTime(format, value, &time, nullptr)) {
      return std::max(time - now, absl::ZeroDuration());
    }
  }
  return std::nullopt;
}

std::string SanitizeReason(std::string_view body) {
  body = absl::StripLeadingAsciiWhitespace(body);
  std::string line(
      body.substr(0, std::min(body.find_first_of("\r\n"), kMaxReasonChars)));
  for (char& c : line) {
    if (!absl::ascii_isprint(c)) c = '?';
  }
  return line;
}

absl::StatusOr<EstReply> ReadEstReply(const HttpResponse& response,
                                      absl::Time now) {
  EstReply reply;
  reply.status = response.status;
  if (auto header = FindHeader(response.headers, "Retry-After")) {
    reply.retry_after = ParseRetryAfter(*header, now);
  }
  if (response.status != 200) {
    reply.reason = SanitizeReason(response.body);
    return reply;
  }
  auto body = est::DecodeBody(response.body);
  if (!body.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the server's reply is not EST's base64: ", body.status().message()));
  }
  reply.body = *std::move(body);
  return reply;
}

EstClient::EstClient(EventLoop& loop, const ServerUrl& server,
                     std::shared_ptr<const TlsContext> tls)
    : server_(server), http_(loop, HttpOptions(server, std::move(tls))) {}

void EstClient::Connect(std::function<void(absl::Status)> done) {
  http_.Connect(std::move(done));
}

void EstClient::Get(est::Operation operation, HttpLogin* login, Done done) {
  HttpRequest request;
  request.method = "GET";
  request.target = est::FormatPath(operation, server_.label);
  Send(std::move(request), login, Reading(login, std::move(done)));
}

HttpRequest EstClient::CsrRequest(est::Operation operation,
                                  ByteView csr_der) const {
  HttpRequest request;
  request.method = "POST";
  request.target = est::FormatPath(operation, server_.label);
  request.headers = {{"Content-Type", std::string(est::kPkcs10MediaType)},
                     {"Content-Transfer-Encoding", "base64"}};
  request.body = est::EncodeBody(csr_der);
  return request;
}

void EstClient::GetText(est::Operation operation, std::string_view argument,
                        HttpClient::OnResponse done) {
  HttpRequest request;
  request.method = "GET";
  request.target = est::FormatPath(operation, server_.label, argument);
  Send(std::move(request), nullptr, std::move(done));
}

void EstClient::PostCsr(est::Operation operation, ByteView csr_der,
                        HttpLogin* login, Done done) {
  Send(CsrRequest(operation, csr_der), login, Reading(login, std::move(done)));
}

void EstClient::PostServerKeyGen(ByteView csr_der, HttpLogin* login,
                                 HttpClient::OnResponse done) {
  Send(CsrRequest(est::Operation::kServerKeyGen, csr_der), login,
       std::move(done));
}

HttpClient::OnResponse EstClient::Reading(const HttpLogin* login, Done done) {
  return
      [login, done = std::move(done)](absl::StatusOr<HttpResponse> response) {
        if (!response.ok()) return done(response.status());
        auto reply = ReadEstReply(*response, absl::Now());
        if (reply.ok() && reply->status == 401) {
          reply->ask_again = login != nullptr && login->has_answer();
        }
        done(std::move(reply));
      };
}

void EstClient::Send(HttpRequest request, HttpLogin* login,
                     HttpClient::OnResponse done) {
  HttpRequest sent = request;
  sent.headers.emplace_back("Accept", "*/*");
  if (login == nullptr) return http_.Send(std::move(sent), std::move(done));
  auto authorization = login->Authorize(request.method, request.target);
  if (!authorization.ok()) return done(authorization.status());
  if (!authorization->empty()) {
    sent.headers.emplace_back("Authorization", *std::move(authorization));
  }
  http_.Send(
      std::move(sent),
      [this, request = std::move(request), login,
       done = std::move(done)](absl::StatusOr<HttpResponse> response) mutable {
        if (!response.ok()) return done(std::move(response));
        login->TakeReply(response->status, response->headers);
        if (!login->has_answer() || !reusable()) {
          return done(std::move(response));
        }
        Send(std::move(request), login, std::move(done));
      });
}

absl::StatusOr<std::string> EstClient::ChannelBinding() const {
  const TlsStream* tls = http_.tls();
  if (tls == nullptr) {
    return absl::FailedPreconditionError("there is no connection to link to");
  }
  absl::StatusOr<Bytes> binding =
      tls->version() == "TLSv1.2" ? tls->TlsUnique() : tls->TlsExporter();
  if (!binding.ok()) return binding.status();
  return EncodeBase64(*binding);
}

}  // namespace bestow
