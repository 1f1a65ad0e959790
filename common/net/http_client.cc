#include "common/net/http_client.h"

#include <errno.h>
#include <unistd.h>

#include <cstring>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/net/http_parser.h"
#include "common/net/http_writer.h"
#include "common/net/resolver.h"
#include "common/net/socket_address.h"
#include "common/net/stream_socket.h"

namespace bestow {
namespace {
constexpr uint16_t kHttpsPort = 443;
}  // namespace

struct HttpClient::Impl : public StreamSocket::User,
                          public std::enable_shared_from_this<Impl> {
  enum class State { kNew, kConnecting, kReady, kBusy, kBroken };

  Impl(EventLoop& loop_in, Options options_in)
      : loop(loop_in),
        options(std::move(options_in)),
        parser(options.limits),
        peer(JoinHostPort(options.host, options.port)) {}
  ~Impl() override { Abandon(); }

  // Towards the handshake.
  void Resolved(absl::StatusOr<std::vector<SocketAddress>> result);
  void TryNextAddress();
  void TcpConnected();
  void AddressFailed(const absl::Status& why);
  void CloseFd();

  // StreamSocket::User
  void OnHandshakeDone() override;
  void OnData(ByteView plaintext) override;
  void OnFlushed() override;
  void OnEnd(const absl::Status& why) override;
  void OnLingered() override {}

  void Send(HttpRequest request, OnResponse done);
  void Complete();
  void Fail(absl::Status why);
  void Abandon();
  void SetDeadline(absl::Duration after, std::string what);
  // Says which peer a message is about.
  absl::Status About(const absl::Status& status) const {
    return absl::Status(status.code(),
                        absl::StrCat(peer, ": ", status.message()));
  }

  EventLoop& loop;
  const Options options;
  HttpResponseParser parser;
  std::string peer;  // "est.example:443", later with the address
  State state = State::kNew;
  OnConnected on_connected;
  OnResponse on_response;
  absl::Status broken;

  std::unique_ptr<Resolution> resolution;
  std::vector<SocketAddress> addresses;
  size_t next_address = 0;
  std::vector<std::string> failures;  // "192.0.2.1:443: Connection refused"
  bool only_timeouts = true;
  int fd = -1;  // while TCP connects
  std::unique_ptr<EventLoop::Watch> connecting;

  bool request_closes = false;
  bool in_body = false;
  std::shared_ptr<StreamSocket> socket;
  std::unique_ptr<EventLoop::Timer> deadline;
};

void HttpClient::Impl::SetDeadline(absl::Duration after, std::string what) {
  what = absl::StrCat(what, " within ", absl::FormatDuration(after));
  deadline = loop.RunAfter(after, [this, what] {
    auto self = shared_from_this();
    const absl::Status status = absl::DeadlineExceededError(what);
    if (state == State::kConnecting && resolution == nullptr) {
      return AddressFailed(status);
    }
    Fail(About(status));
  });
}

void HttpClient::Impl::Resolved(
    absl::StatusOr<std::vector<SocketAddress>> result) {
  auto self = shared_from_this();
  resolution.reset();
  if (!result.ok()) return Fail(About(result.status()));
  addresses = *std::move(result);
  TryNextAddress();
}

void HttpClient::Impl::TryNextAddress() {
  deadline.reset();
  if (next_address == addresses.size()) {
    return Fail(absl::Status(
        only_timeouts ? absl::StatusCode::kDeadlineExceeded
                      : absl::StatusCode::kUnavailable,
        absl::StrCat("can't reach ", JoinHostPort(options.host, options.port),
                     ": ", absl::StrJoin(failures, "; "))));
  }
  const SocketAddress& address = addresses[next_address++];
  fd = ::socket(address.storage.ss_family,
                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 ||
      (connect(fd, address.get(), address.size) != 0 && errno != EINPROGRESS)) {
    return AddressFailed(absl::UnavailableError(std::strerror(errno)));
  }
  connecting = loop.OnWritable(fd, [this] {
    auto self = shared_from_this();
    TcpConnected();
  });
  SetDeadline(options.connect_timeout, "no connection");
}

void HttpClient::Impl::TcpConnected() {
  connecting.reset();
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) {
    return AddressFailed(absl::UnavailableError(std::strerror(error)));
  }
  SetDeadline(options.limits.handshake_timeout, "no TLS handshake");
  absl::StatusOr<std::shared_ptr<StreamSocket>> made = StreamSocket::Connect(
      loop, std::exchange(fd, -1), options.tls, options.host, this);
  if (!made.ok()) return Fail(About(made.status()));
  socket = *std::move(made);
}

// Goes on with the next address where that can help.
void HttpClient::Impl::AddressFailed(const absl::Status& why) {
  CloseFd();
  if (socket != nullptr) socket->Close();
  if (!absl::IsUnavailable(why) && !absl::IsDeadlineExceeded(why)) {
    return Fail(About(why));
  }
  only_timeouts = only_timeouts && absl::IsDeadlineExceeded(why);
  failures.push_back(
      absl::StrCat(FormatSocketAddress(addresses[next_address - 1].get()), ": ",
                   why.message()));
  TryNextAddress();
}

void HttpClient::Impl::CloseFd() {
  connecting.reset();
  if (fd >= 0) close(std::exchange(fd, -1));
}

void HttpClient::Impl::OnHandshakeDone() {
  auto self = shared_from_this();
  absl::StrAppend(&peer, " (",
                  FormatSocketAddress(addresses[next_address - 1].get()), ")");
  deadline.reset();
  state = State::kReady;
  std::exchange(on_connected, nullptr)(absl::OkStatus());
}

void HttpClient::Impl::Send(HttpRequest request, OnResponse done) {
  if (state != State::kReady) {
    CHECK(state == State::kBroken) << "Send() needs a connection, one by one";
    loop.Post([weak = weak_from_this(), done = std::move(done)] {
      auto self = weak.lock();
      if (self != nullptr && self->state == State::kBroken) {
        done(self->broken);
      }
    });
    return;
  }
  state = State::kBusy;
  on_response = std::move(done);
  in_body = false;
  parser.Expect(request.method == "HEAD");
  const std::optional<std::string> connection =
      FindHeader(request.headers, "Connection");
  request_closes = connection && absl::EqualsIgnoreCase(*connection, "close");
  const std::string authority =
      options.port == kHttpsPort && !absl::StrContains(options.host, ':')
          ? options.host
          : JoinHostPort(options.host, options.port);
  SetDeadline(options.limits.reply_timeout, "can't send the request");
  socket->Write(AsBytes(SerializeHttpRequest(request, authority)));
  if (socket->flushed()) OnFlushed();
}

void HttpClient::Impl::OnFlushed() {
  if (state == State::kBusy && !in_body) {
    SetDeadline(options.limits.header_timeout, "no reply");
  }
}

void HttpClient::Impl::OnData(ByteView plaintext) {
  auto self = shared_from_this();
  if (state != State::kBusy) {
    return Fail(
        About(absl::InvalidArgumentError("the server sent data unasked")));
  }
  absl::Status status = parser.Feed(plaintext);
  if (!status.ok()) return Fail(About(status));
  if (parser.phase() == HttpParsePhase::kDone) return Complete();
  if (parser.phase() == HttpParsePhase::kBody && !in_body) {
    in_body = true;
    SetDeadline(options.limits.body_timeout, "the reply's body was not whole");
  }
}

void HttpClient::Impl::OnEnd(const absl::Status& why) {
  auto self = shared_from_this();
  if (state == State::kConnecting) {
    return AddressFailed(
        why.ok() ? absl::UnavailableError("the server ended the handshake")
                 : why);
  }
  absl::Status status = why;
  if (state == State::kBusy && why.ok()) {
    status = parser.FeedEnd();
    if (status.ok()) return Complete();
  }
  if (status.ok() || absl::IsUnavailable(status) || absl::IsDataLoss(status)) {
    const bool within =
        state == State::kBusy && parser.phase() != HttpParsePhase::kIdle;
    status = absl::Status(
        within ? absl::StatusCode::kDataLoss : absl::StatusCode::kUnavailable,
        status.ok()
            ? "the server closed the connection"
            : absl::StrCat(within ? "the reply is cut off: " : "no reply: ",
                           status.message()));
  }
  Fail(About(status));
}

void HttpClient::Impl::Complete() {
  deadline.reset();
  HttpResponse response = parser.TakeResponse();
  const bool goes_on = !response.close && !request_closes &&
                       socket->flushed() && parser.buffered_bytes() == 0 &&
                       !socket->tls()->peer_closed();
  state = State::kReady;
  OnResponse done = std::exchange(on_response, nullptr);
  if (!goes_on) {
    state = State::kBroken;
    broken =
        About(absl::UnavailableError("the server ended the connection before"));
    socket->Close();
  }
  done(std::move(response));
}

void HttpClient::Impl::Fail(absl::Status why) {
  Abandon();
  state = State::kBroken;
  broken = std::move(why);
  if (on_connected != nullptr) {
    std::exchange(on_connected, nullptr)(broken);
  } else if (on_response != nullptr) {
    std::exchange(on_response, nullptr)(broken);
  }
}

void HttpClient::Impl::Abandon() {
  resolution.reset();
  deadline.reset();
  CloseFd();
  if (socket != nullptr) socket->Close();
}

HttpClient::HttpClient(EventLoop& loop, Options options)
    : impl_(std::make_shared<Impl>(loop, std::move(options))) {}

HttpClient::~HttpClient() {
  impl_->Abandon();
  impl_->state = Impl::State::kNew;  // nothing posted calls back now
  impl_->on_connected = nullptr;
  impl_->on_response = nullptr;
}

void HttpClient::Connect(OnConnected done) {
  CHECK(impl_->state == Impl::State::kNew) << "Connect() twice";
  impl_->state = Impl::State::kConnecting;
  impl_->on_connected = std::move(done);
  impl_->SetDeadline(impl_->options.connect_timeout, "no address found");
  impl_->resolution = std::make_unique<Resolution>(
      impl_->loop, impl_->options.host, impl_->options.port,
      [impl = impl_.get()](auto addresses) {
        impl->Resolved(std::move(addresses));
      });
}

void HttpClient::Send(HttpRequest request, OnResponse done) {
  impl_->Send(std::move(request), std::move(done));
}

const TlsStream* HttpClient::tls() const {
  const bool connected =
      impl_->socket != nullptr && impl_->socket->tls()->handshake_done();
  return connected ? impl_->socket->tls() : nullptr;
}

bool HttpClient::reusable() const {
  return impl_->state == Impl::State::kReady;
}

}  // namespace bestow
