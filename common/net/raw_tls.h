// For tests: a blocking TLS peer that says exactly the bytes it is told.
#ifndef COMMON_NET_RAW_TLS_H_
#define COMMON_NET_RAW_TLS_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/tls/tls_stream.h"

namespace bestow {

// Connects to 127.0.0.1:port, blocking; CHECK-fails when it can't.
int ConnectLoopback(uint16_t port);
// The port a socket is bound to.
uint16_t LocalPort(int fd);

// Every read gives up after ten seconds. Signers must be synchronous.
class RawTls {
 public:
  // Take over the descriptor.
  static RawTls Client(int fd, std::shared_ptr<const TlsContext> context,
                       const std::string& host = "localhost");
  static RawTls Server(int fd, std::shared_ptr<const TlsContext> context);
  ~RawTls();
  RawTls(RawTls&& other) noexcept;

  absl::Status Handshake();
  void Send(std::string_view text);
  // False when nothing came in time; at the end of the stream too (see ended).
  bool ReadSome(absl::Duration at_most = absl::Seconds(10));
  // What came up to and with `marker` (or all, when it never comes).
  std::string ReadUntil(std::string_view marker);
  std::string ReadUntilEnd();
  // With close_notify.
  bool ended_cleanly() const { return tls_->peer_closed(); }
  bool ended() const { return ended_ || tls_->peer_closed(); }
  void SendCloseNotify();
  const TlsStream& tls() const { return *tls_; }
  int fd() const { return fd_; }

 private:
  RawTls(int fd, absl::StatusOr<std::unique_ptr<TlsStream>> tls);
  void Flush();

  int fd_;
  std::unique_ptr<TlsStream> tls_;
  std::string received_;
  bool ended_ = false;
  absl::Status error_;
};

}  // namespace bestow

#endif  // COMMON_NET_RAW_TLS_H_
