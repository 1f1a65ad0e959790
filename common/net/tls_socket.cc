#include "common/net/tls_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace bestow {
namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kMaxDrainedBytes = 1024 * 1024;

absl::Status SocketError(int error) {
  return absl::UnavailableError(
      absl::StrCat("the connection broke: ", std::strerror(error)));
}

}  // namespace

TlsSocket::TlsSocket(EventLoop& loop, int fd, User* user)
    : loop_(loop), fd_(fd), user_(user) {
  // A reply is one write: waiting to fill a segment only costs time.
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

TlsSocket::~TlsSocket() { Close(); }

TlsStream::Hooks TlsSocket::MakeHooks() {
  return {.post = [&loop = loop_](
                      std::function<void()> fn) { loop.Post(std::move(fn)); },
          .on_progress =
              [this] {
                if (fd_ < 0) return;
                auto self = shared_from_this();
                Deliver(stream_->Advance());
              }};
}

absl::StatusOr<std::shared_ptr<TlsSocket>> TlsSocket::Accept(
    EventLoop& loop, int fd, std::shared_ptr<const TlsContext> context,
    User* user) {
  std::shared_ptr<TlsSocket> socket(new TlsSocket(loop, fd, user));
  absl::Status status = socket->Start(
      TlsStream::CreateServer(std::move(context), socket->MakeHooks()));
  if (!status.ok()) return status;
  return socket;
}

absl::StatusOr<std::shared_ptr<TlsSocket>> TlsSocket::Connect(
    EventLoop& loop, int fd, std::shared_ptr<const TlsContext> context,
    std::string host, User* user) {
  std::shared_ptr<TlsSocket> socket(new TlsSocket(loop, fd, user));
  absl::Status status = socket->Start(TlsStream::CreateClient(
      std::move(context), std::move(host), socket->MakeHooks()));
  if (!status.ok()) return status;
  return socket;
}

absl::Status TlsSocket::Start(
    absl::StatusOr<std::unique_ptr<TlsStream>> stream) {
  if (!stream.ok()) return stream.status();
  stream_ = *std::move(stream);
  absl::Status status = stream_->Advance();
  if (!status.ok()) return status;
  Send();
  UpdateWatches();
  return absl::OkStatus();
}

void TlsSocket::Readable() {
  auto self = shared_from_this();
  if (lingering_) return Drain();
  uint8_t buffer[kReadBytes];
  const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
  if (n > 0) {
    return Deliver(stream_->Feed(ByteView(buffer, static_cast<size_t>(n))));
  }
  if (n == 0) {
    return End(absl::UnavailableError(
        "the peer closed the connection without TLS close_notify"));
  }
  if (errno == EAGAIN || errno == EINTR) return;
  End(SocketError(errno));
}

// After every step of the stream. The caller holds a reference to *this.
void TlsSocket::Deliver(const absl::Status& status) {
  Send();
  if (stream_->handshake_done() && !handshake_reported_) {
    handshake_reported_ = true;
    user_->OnHandshakeDone();
    if (fd_ < 0) return;
  }
  const Bytes plaintext = stream_->TakePlaintext();
  if (!plaintext.empty() && !lingering_) {
    user_->OnData(plaintext);
    if (fd_ < 0) return;
  }
  if (!status.ok()) return End(status);
  if (stream_->peer_closed()) return End(absl::OkStatus());
  UpdateWatches();
}

void TlsSocket::End(const absl::Status& why) {
  if (!ended_) {
    ended_ = true;
    if (!lingering_) user_->OnEnd(why);
    if (fd_ < 0) return;
  }
  UpdateWatches();
}

void TlsSocket::EndLater(absl::Status why) {
  loop_.Post([weak = weak_from_this(), why = std::move(why)] {
    std::shared_ptr<TlsSocket> self = weak.lock();
    if (self != nullptr && self->fd_ >= 0) self->End(why);
  });
}

void TlsSocket::Write(ByteView plaintext) {
  if (fd_ < 0) return;
  absl::Status status = stream_->Write(plaintext);
  if (!status.ok()) return EndLater(std::move(status));
  Send();
  UpdateWatches();
}

// Moves the stream's output on to the kernel.
void TlsSocket::Send() {
  unsent_.append(AsText(stream_->TakeOutput()));
  if (write_shut_) unsent_.clear();
  size_t sent = 0;
  while (sent < unsent_.size()) {
    const ssize_t n =
        send(fd_, unsent_.data() + sent, unsent_.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) break;
    // Perhaps the peer said why before it closed: while we read, reading ends
    // the connection.
    const bool reading = !paused_ && !ended_ && !lingering_;
    if (!reading) EndLater(SocketError(errno));
    write_shut_ = true;
    unsent_.clear();
    return;
  }
  unsent_.erase(0, sent);
}

void TlsSocket::Writable() {
  auto self = shared_from_this();
  Send();
  if (unsent_.empty() && lingering_ && !write_shut_) {
    write_shut_ = true;
    shutdown(fd_, SHUT_WR);
  }
  UpdateWatches();
  if (unsent_.empty() && !lingering_) user_->OnFlushed();
}

void TlsSocket::PauseReading() {
  paused_ = true;
  UpdateWatches();
}

void TlsSocket::ResumeReading() {
  paused_ = false;
  UpdateWatches();
}

void TlsSocket::UpdateWatches() {
  if (fd_ < 0) return;
  const bool read =
      lingering_ || (!paused_ && !ended_ && !stream_->waiting_for_signer());
  if (!read) {
    readable_.reset();
  } else if (readable_ == nullptr) {
    readable_ = loop_.OnReadable(fd_, [this] { Readable(); });
  }
  if (unsent_.empty()) {
    writable_.reset();
  } else if (writable_ == nullptr) {
    writable_ = loop_.OnWritable(fd_, [this] { Writable(); });
  }
}

void TlsSocket::Linger(absl::Duration at_most) {
  if (fd_ < 0 || lingering_) return;
  lingering_ = true;
  stream_->Shutdown();
  Send();
  if (unsent_.empty() && !write_shut_) {
    write_shut_ = true;
    shutdown(fd_, SHUT_WR);
  }
  linger_timer_ = loop_.RunAfter(at_most, [this] {
    auto self = shared_from_this();
    Close();
    user_->OnLingered();
  });
  UpdateWatches();
}

void TlsSocket::Drain() {
  char buffer[kReadBytes];
  const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) {
    drained_bytes_ += static_cast<size_t>(n);
    if (drained_bytes_ <= kMaxDrainedBytes) return;
  }
  Close();
  user_->OnLingered();
}

void TlsSocket::Close() {
  if (fd_ < 0) return;
  if (stream_ != nullptr && !lingering_) {
    stream_->Shutdown();
    const Bytes output = stream_->TakeOutput();
    if (unsent_.empty() && !write_shut_ && !output.empty()) {
      (void)!send(fd_, output.data(), output.size(), MSG_NOSIGNAL);
    }
  }
  readable_.reset();
  writable_.reset();
  linger_timer_.reset();
  close(fd_);
  fd_ = -1;
}

}  // namespace bestow
