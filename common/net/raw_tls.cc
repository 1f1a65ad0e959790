#include "common/net/raw_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/log/check.h"

namespace bestow {

int ConnectLoopback(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_GE(fd, 0) << std::strerror(errno);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
           0)
      << std::strerror(errno);
  return fd;
}

uint16_t LocalPort(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  CHECK_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

RawTls::RawTls(int fd, absl::StatusOr<std::unique_ptr<TlsStream>> tls)
    : fd_(fd) {
  CHECK(tls.ok()) << tls.status();
  tls_ = *std::move(tls);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

RawTls RawTls::Client(int fd, std::shared_ptr<const TlsContext> context,
                      const std::string& host) {
  return RawTls(fd, TlsStream::CreateClient(std::move(context), host, {}));
}

RawTls RawTls::Server(int fd, std::shared_ptr<const TlsContext> context) {
  return RawTls(fd, TlsStream::CreateServer(std::move(context), {}));
}

RawTls::RawTls(RawTls&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      tls_(std::move(other.tls_)),
      received_(std::move(other.received_)),
      ended_(other.ended_) {}

RawTls::~RawTls() {
  if (fd_ >= 0) close(fd_);
}

void RawTls::Flush() {
  const Bytes output = tls_->TakeOutput();
  size_t sent = 0;
  while (sent < output.size()) {
    const ssize_t n =
        send(fd_, output.data() + sent, output.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;  // the peer closed; reading tells
    sent += static_cast<size_t>(n);
  }
}

absl::Status RawTls::Handshake() {
  error_ = tls_->Advance();
  Flush();
  while (error_.ok() && !tls_->handshake_done()) {
    if (!ReadSome()) {
      return error_.ok() ? absl::UnavailableError("no answer") : error_;
    }
  }
  return error_;
}

void RawTls::Send(std::string_view text) {
  absl::Status status = tls_->Write(AsBytes(text));
  CHECK(status.ok()) << status;
  Flush();
}

bool RawTls::ReadSome(absl::Duration at_most) {
  if (ended()) return false;
  pollfd ready = {fd_, POLLIN, 0};
  if (poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(at_most))) !=
      1) {
    return false;
  }
  uint8_t buffer[65536];
  const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
  if (n <= 0) {
    ended_ = true;
    return false;
  }
  error_ = tls_->Feed(ByteView(buffer, static_cast<size_t>(n)));
  received_.append(AsText(tls_->TakePlaintext()));
  Flush();
  if (!error_.ok()) ended_ = true;
  return error_.ok();
}

std::string RawTls::ReadUntil(std::string_view marker) {
  size_t at;
  while ((at = received_.find(marker)) == std::string::npos && ReadSome()) {
  }
  at = received_.find(marker);
  if (at == std::string::npos) return std::exchange(received_, "");
  std::string out = received_.substr(0, at + marker.size());
  received_.erase(0, at + marker.size());
  return out;
}

std::string RawTls::ReadUntilEnd() {
  while (ReadSome()) {
  }
  return std::exchange(received_, "");
}

void RawTls::SendCloseNotify() {
  tls_->Shutdown();
  Flush();
}

}  // namespace bestow
