// A connected socket on an event loop, with TLS on it or plain: what a server's
// and a client's connection share.
#ifndef COMMON_NET_STREAM_SOCKET_H_
#define COMMON_NET_STREAM_SOCKET_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/net/event_loop.h"
#include "common/tls/tls_stream.h"

namespace bestow {

// Belongs to its loop's thread. Knows no time but the bound of Linger(): the
// deadlines are its user's.
class StreamSocket : public std::enable_shared_from_this<StreamSocket> {
 public:
  // Called from the loop, never from inside a call into the socket. Each may
  // call Close() or drop its reference to the socket.
  class User {
   public:
    virtual ~User() = default;
    // With TLS alone: plain sockets are ready when they are made.
    virtual void OnHandshakeDone() = 0;
    virtual void OnData(ByteView plaintext) = 0;
    // All that was written is with the kernel now (after a Write() that left
    // something behind).
    virtual void OnFlushed() = 0;
    // Nothing more will come. OK: the peer's close_notify, or the end of a
    // plain stream. Writing may still work then. At most once.
    virtual void OnEnd(const absl::Status& why) = 0;
    // Linger() is over; the socket is closed.
    virtual void OnLingered() = 0;
  };

  // Take over `fd` (connected, non-blocking) and begin the handshake, even
  // when they fail. `user` must outlive the socket or Close() it.
  static absl::StatusOr<std::shared_ptr<StreamSocket>> Accept(
      EventLoop& loop, int fd, std::shared_ptr<const TlsContext> context,
      User* user);
  static absl::StatusOr<std::shared_ptr<StreamSocket>> Connect(
      EventLoop& loop, int fd, std::shared_ptr<const TlsContext> context,
      std::string host, User* user);
  // The same without TLS.
  static std::shared_ptr<StreamSocket> AcceptPlain(EventLoop& loop, int fd,
                                                   User* user);
  ~StreamSocket();

  // Encrypts (with TLS) and sends in one go; keeps what the kernel does not
  // take.
  void Write(ByteView plaintext);
  bool flushed() const { return unsent_.empty(); }
  // Backpressure: while paused nothing is read and nothing delivered.
  void PauseReading();
  void ResumeReading();

  // Sends close_notify (with TLS) and our end of the stream, then reads and
  // drops until the peer's end, so that it sees what we wrote; bounded in bytes
  // and time.
  void Linger(absl::Duration at_most);
  // Sends close_notify if that can be done at once, and closes.
  void Close();

  // nullptr: plain.
  const TlsStream* tls() const { return stream_.get(); }

 private:
  StreamSocket(EventLoop& loop, int fd, User* user);
  absl::Status Start(absl::StatusOr<std::unique_ptr<TlsStream>> stream);
  TlsStream::Hooks MakeHooks();

  void Readable();
  void Writable();
  void Deliver(const absl::Status& status);
  void DeliverPlain(ByteView bytes);
  void End(const absl::Status& why);
  void EndLater(absl::Status why);
  void Send();
  void DropUnsent();
  void Drain();
  void UpdateWatches();

  EventLoop& loop_;
  int fd_;  // -1: closed
  User* user_;
  std::unique_ptr<TlsStream> stream_;  // null: plain
  std::string unsent_;                 // as it goes to the kernel
  size_t unsent_at_ = 0;               // what of it has gone there
  bool paused_ = false;
  bool handshake_reported_ = false;
  bool ended_ = false;
  bool write_shut_ = false;
  bool lingering_ = false;
  size_t drained_bytes_ = 0;
  std::unique_ptr<EventLoop::Watch> readable_;
  std::unique_ptr<EventLoop::Watch> writable_;
  std::unique_ptr<EventLoop::Timer> linger_timer_;
};

}  // namespace bestow

#endif  // COMMON_NET_STREAM_SOCKET_H_
