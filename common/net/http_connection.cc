#include "common/net/http_connection.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/secret.h"
#include "common/net/http_writer.h"

namespace bestow {
namespace {

// For the peer to read the last reply and close.
constexpr absl::Duration kLingerTime = absl::Seconds(2);
constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

// What the copies of a Reply share. When the last of them goes, on whatever
// thread, without having been called, it is 500: a handler has no deadline, and
// the connection would wait, and take its place, for ever.
class HttpConnection::Answer {
 public:
  Answer(EventLoop& loop, std::weak_ptr<HttpConnection> connection,
         size_t request)
      : loop_(loop), connection_(std::move(connection)), request_(request) {}
  ~Answer() {
    // While there is the connection, there is its loop.
    if (given_ || connection_.expired()) return;
    loop_.Post([connection = connection_, request = request_] {
      const std::shared_ptr<HttpConnection> self = connection.lock();
      if (self == nullptr || !self->Awaits(request)) return;
      self->Refuse(500, "the request was given up: ask again");
    });
  }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  void Give(HttpResponse& response) {
    given_ = true;
    const std::shared_ptr<HttpConnection> self = connection_.lock();
    const bool is_awaited = self != nullptr && self->Awaits(request_);
    if (is_awaited) self->SendReply(response);
    if (response.is_secret) {
      Cleanse(response.body.data(), response.body.size());
    }
    if (is_awaited) self->Pump();
  }

 private:
  EventLoop& loop_;
  const std::weak_ptr<HttpConnection> connection_;
  const size_t request_;
  bool given_ = false;
};

HttpConnection::HttpConnection(EventLoop& loop,
                               const HttpServer::Options& options,
                               std::string remote_address, OnGone on_gone)
    : loop_(loop),
      options_(options),
      on_gone_(std::move(on_gone)),
      parser_(options.limits) {
  peer_.remote_address = std::move(remote_address);
}

HttpConnection::~HttpConnection() { Cut(); }

void HttpConnection::Start(int fd) {
  auto self = shared_from_this();
  if (options_.tls == nullptr) {
    socket_ = StreamSocket::AcceptPlain(loop_, fd, this);
    return Enter(State::kIdle, options_.limits.header_timeout);
  }
  absl::StatusOr<std::shared_ptr<StreamSocket>> socket =
      StreamSocket::Accept(loop_, fd, options_.tls(), this);
  if (!socket.ok()) {
    options_.on_refused(peer_.remote_address,
                        std::string(socket.status().message()));
    return Gone();
  }
  socket_ = *std::move(socket);
  peer_.tls = socket_->tls();
  Enter(State::kHandshake, options_.limits.handshake_timeout);
}

// A phase has one deadline, set when it begins, however its bytes come.
void HttpConnection::Enter(State state, absl::Duration deadline) {
  state_ = state;
  deadline_ = loop_.RunAfter(deadline, [this] { DeadlinePassed(); });
}

void HttpConnection::DeadlinePassed() {
  auto self = shared_from_this();
  const HttpLimits& limits = options_.limits;
  switch (state_) {
    case State::kHandshake:
      options_.on_refused(
          peer_.remote_address,
          absl::StrCat("no TLS handshake within ",
                       absl::FormatDuration(limits.handshake_timeout)));
      return Gone();
    case State::kHeader:
      return Refuse(408,
                    absl::StrCat("the header took longer than ",
                                 absl::FormatDuration(limits.header_timeout)));
    case State::kBody:
      return Refuse(408,
                    absl::StrCat("the body took longer than ",
                                 absl::FormatDuration(limits.body_timeout)));
    default:
      return Gone();
  }
}

void HttpConnection::OnHandshakeDone() {
  // The first request follows the handshake; waiting for it is no keep-alive.
  Enter(State::kIdle, options_.limits.header_timeout);
}

void HttpConnection::OnData(ByteView plaintext) {
  auto self = shared_from_this();
  parser_.Feed(plaintext);
  Pump();
}

// Goes on with what the parser has, one request at a time.
void HttpConnection::Pump() {
  if (pumping_) return;
  pumping_ = true;
  bool more = true;
  while (more && (state_ == State::kIdle || state_ == State::kHeader ||
                  state_ == State::kBody)) {
    more = false;
    switch (parser_.phase()) {
      case HttpParsePhase::kIdle:
        break;
      case HttpParsePhase::kHeader:
        if (state_ != State::kHeader) {
          Enter(State::kHeader, options_.limits.header_timeout);
        }
        break;
      case HttpParsePhase::kBody:
        if (state_ != State::kBody) {
          Enter(State::kBody, options_.limits.body_timeout);
        }
        if (parser_.TakeExpectsContinue()) socket_->Write(AsBytes(kContinue));
        break;
      case HttpParsePhase::kDone:
        Dispatch();
        more = true;
        break;
      case HttpParsePhase::kRefused:
        Refuse(parser_.refusal().status, parser_.refusal().reason);
        break;
    }
  }
  pumping_ = false;
  if (peer_ended_ && (state_ == State::kIdle || state_ == State::kHeader ||
                      state_ == State::kBody)) {
    Gone();
  }
}

void HttpConnection::Dispatch() {
  const HttpRequest request = parser_.TakeRequest();
  ++requests_;
  closing_ = !parser_.keep_alive() ||
             requests_ >= options_.limits.requests_per_connection;
  state_ = State::kHandling;
  deadline_.reset();
  socket_->PauseReading();
  options_.handler(
      request, peer_,
      [answer = std::make_shared<Answer>(loop_, weak_from_this(), requests_)](
          HttpResponse response) { answer->Give(response); });
}

void HttpConnection::Refuse(int status, const std::string& reason) {
  options_.on_refused(peer_.remote_address, absl::StrCat(status, " ", reason));
  closing_ = true;
  socket_->PauseReading();
  SendReply(HttpErrorResponse(status, reason));
}

void HttpConnection::SendReply(const HttpResponse& response) {
  closing_ = closing_ || response.close || draining_ || peer_ended_;
  HttpReplyContext context;
  context.head_request = parser_.is_head();
  context.close = closing_;
  context.now = absl::Now();
  Enter(State::kReplying, options_.limits.reply_timeout);
  std::string message = SerializeHttpResponse(response, context);
  socket_->Write(AsBytes(message));
  if (response.is_secret) Cleanse(message.data(), message.size());
  if (socket_->flushed()) ReplySent();
}

void HttpConnection::OnFlushed() {
  if (state_ != State::kReplying) return;
  auto self = shared_from_this();
  ReplySent();
  Pump();
}

void HttpConnection::ReplySent() {
  if (closing_ || draining_ || peer_ended_) return Linger();
  Enter(State::kIdle, options_.limits.idle_timeout);
  socket_->ResumeReading();
  parser_.Resume();
}

void HttpConnection::Linger() {
  state_ = State::kLingering;
  deadline_.reset();
  socket_->Linger(kLingerTime);
}

void HttpConnection::OnEnd(const absl::Status& why) {
  auto self = shared_from_this();
  peer_ended_ = true;
  if (state_ == State::kHandshake) {
    options_.on_refused(peer_.remote_address, std::string(why.message()));
    return Linger();  // our alert may say why
  }
  // Who has said all that it wanted to say may still read the reply.
  const bool replying =
      state_ == State::kHandling || state_ == State::kReplying;
  if (why.ok() && replying) return;
  Gone();
}

void HttpConnection::OnLingered() { Gone(); }

void HttpConnection::Drain() {
  auto self = shared_from_this();
  draining_ = true;
  if (state_ == State::kHandshake || state_ == State::kIdle) Gone();
}

void HttpConnection::Cut() {
  on_gone_ = nullptr;
  Gone();
}

void HttpConnection::Gone() {
  if (state_ == State::kGone) return;
  state_ = State::kGone;
  deadline_.reset();
  if (socket_ != nullptr) socket_->Close();
  if (on_gone_ != nullptr) std::exchange(on_gone_, nullptr)(this);
}

}  // namespace bestow
