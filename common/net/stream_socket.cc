#include "common/net/stream_socket.h"

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

StreamSocket::StreamSocket(EventLoop& loop, int fd, User* user)
    : loop_(loop), fd_(fd), user_(user) {
  // A reply is one write: waiting to fill a segment only costs time.
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

StreamSocket::~StreamSocket() { Close(); }

TlsStream::Hooks StreamSocket::MakeHooks() {
  return {.post = [&loop = loop_](
                      std::function<void()> fn) { loop.Post(std::move(fn)); },
          .on_progress =
              [this] {
                if (fd_ < 0) return;
                auto self = shared_from_this();
                Deliver(stream_->Advance());
              }};
}

absl::StatusOr<std::shared_ptr<StreamSocket>> StreamSocket::Accept(
    EventLoop& loop, int fd, std::shared_ptr<const TlsContext> context,
    User* user) {
  std::shared_ptr<StreamSocket> socket(new StreamSocket(loop, fd, user));
  absl::Status status = socket->Start(
      TlsStream::CreateServer(std::move(context), socket->MakeHooks()));
  if (!status.ok()) return status;
  return socket;
}

absl::StatusOr<std::shared_ptr<StreamSocket>> StreamSocket::Connect(
    EventLoop& loop, int fd, std::shared_ptr<const TlsContext> context,
    std::string host, User* user) {
  std::shared_ptr<StreamSocket> socket(new StreamSocket(loop, fd, user));
  absl::Status status = socket->Start(TlsStream::CreateClient(
      std::move(context), std::move(host), socket->MakeHooks()));
  if (!status.ok()) return status;
  return socket;
}

std::shared_ptr<StreamSocket> StreamSocket::AcceptPlain(EventLoop& loop, int fd,
                                                        User* user) {
  std::shared_ptr<StreamSocket> socket(new StreamSocket(loop, fd, user));
  socket->UpdateWatches();
  return socket;
}

absl::Status StreamSocket::Start(
    absl::StatusOr<std::unique_ptr<TlsStream>> stream) {
  if (!stream.ok()) return stream.status();
  stream_ = *std::move(stream);
  absl::Status status = stream_->Advance();
  if (!status.ok()) return status;
  Send();
  UpdateWatches();
  return absl::OkStatus();
}

void StreamSocket::Readable() {
  auto self = shared_from_this();
  if (lingering_) return Drain();
  uint8_t buffer[kReadBytes];
  const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
  if (n > 0) {
    const ByteView bytes(buffer, static_cast<size_t>(n));
    if (stream_ == nullptr) return DeliverPlain(bytes);
    return Deliver(stream_->Feed(bytes));
  }
  if (n == 0) {
    if (stream_ == nullptr) return End(absl::OkStatus());
    return End(absl::UnavailableError(
        "the peer closed the connection without TLS close_notify"));
  }
  if (errno == EAGAIN || errno == EINTR) return;
  End(SocketError(errno));
}

// After every step of the stream. The caller holds a reference to *this.
void StreamSocket::Deliver(const absl::Status& status) {
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

void StreamSocket::DeliverPlain(ByteView bytes) {
  user_->OnData(bytes);
  if (fd_ >= 0) UpdateWatches();
}

void StreamSocket::End(const absl::Status& why) {
  if (!ended_) {
    ended_ = true;
    if (!lingering_) user_->OnEnd(why);
    if (fd_ < 0) return;
  }
  UpdateWatches();
}

void StreamSocket::EndLater(absl::Status why) {
  loop_.Post([weak = weak_from_this(), why = std::move(why)] {
    std::shared_ptr<StreamSocket> self = weak.lock();
    if (self != nullptr && self->fd_ >= 0) self->End(why);
  });
}

void StreamSocket::Write(ByteView plaintext) {
  if (fd_ < 0) return;
  if (stream_ == nullptr) {
    unsent_.append(AsText(plaintext));
  } else {
    absl::Status status = stream_->Write(plaintext);
    if (!status.ok()) return EndLater(std::move(status));
  }
  Send();
  UpdateWatches();
}

void StreamSocket::DropUnsent() {
  unsent_.clear();
  unsent_at_ = 0;
}

// Moves the stream's output on to the kernel.
void StreamSocket::Send() {
  if (stream_ != nullptr) unsent_.append(AsText(stream_->TakeOutput()));
  if (write_shut_) DropUnsent();
  while (unsent_at_ < unsent_.size()) {
    const ssize_t n = send(fd_, unsent_.data() + unsent_at_,
                           unsent_.size() - unsent_at_, MSG_NOSIGNAL);
    if (n >= 0) {
      unsent_at_ += static_cast<size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return;
    // Perhaps the peer said why before it closed: while we read, reading ends
    // the connection.
    const bool reading = !paused_ && !ended_ && !lingering_;
    if (!reading) EndLater(SocketError(errno));
    write_shut_ = true;
    break;
  }
  DropUnsent();
}

void StreamSocket::Writable() {
  auto self = shared_from_this();
  Send();
  if (unsent_.empty() && lingering_ && !write_shut_) {
    write_shut_ = true;
    shutdown(fd_, SHUT_WR);
  }
  UpdateWatches();
  if (unsent_.empty() && !lingering_) user_->OnFlushed();
}

void StreamSocket::PauseReading() {
  paused_ = true;
  UpdateWatches();
}

void StreamSocket::ResumeReading() {
  paused_ = false;
  UpdateWatches();
}

void StreamSocket::UpdateWatches() {
  if (fd_ < 0) return;
  const bool read =
      lingering_ || (!paused_ && !ended_ &&
                     (stream_ == nullptr || !stream_->waiting_for_signer()));
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

void StreamSocket::Linger(absl::Duration at_most) {
  if (fd_ < 0 || lingering_) return;
  lingering_ = true;
  if (stream_ != nullptr) stream_->Shutdown();
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

void StreamSocket::Drain() {
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

void StreamSocket::Close() {
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
