// One TLS connection as a machine of bytes: ciphertext in and out, plaintext
// in and out. No socket, no loop.
#ifndef COMMON_TLS_TLS_STREAM_H_
#define COMMON_TLS_TLS_STREAM_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/certificate.h"
#include "common/tls/tls_context.h"

namespace bestow {

// What the other side showed, and what path validation said of it.
struct TlsPeer {
  std::vector<Certificate> chain;  // as sent, the leaf first; empty: none
  // Valid only with a chain: OK or why the certificate does not count.
  absl::Status verification;
  bool verified() const { return !chain.empty() && verification.ok(); }
};

// Not thread-safe: belongs to one thread.
class TlsStream {
 public:
  // `post` carries a slow signer's result to this stream's thread, from
  // whichever thread it came; `on_progress` is called there (never from
  // inside a call into this stream) when a suspended handshake can go on:
  // call Advance() then. Both may be called until the stream is destroyed,
  // and what was posted after that does nothing.
  struct Hooks {
    std::function<void(std::function<void()>)> post;
    std::function<void()> on_progress;
  };
  static absl::StatusOr<std::unique_ptr<TlsStream>> CreateServer(
      std::shared_ptr<const TlsContext> context, Hooks hooks);
  // `host`: checked against the certificate; sent as SNI when a DNS name.
  static absl::StatusOr<std::unique_ptr<TlsStream>> CreateClient(
      std::shared_ptr<const TlsContext> context, std::string host, Hooks hooks);
  ~TlsStream();

  // Takes ciphertext from the peer and goes as far as it gets. An error ends
  // the connection: send TakeOutput() (an alert may be there), then close.
  // kPermissionDenied: the peer was not trusted, or says that it does not
  // trust us; the message says why. kUnavailable: TLS failed otherwise. A
  // signer's failure keeps its code.
  absl::Status Feed(ByteView ciphertext);
  // Starts the client's handshake, or goes on after on_progress.
  absl::Status Advance();
  // Ciphertext to be sent; empty when there is none.
  Bytes TakeOutput();
  // Decrypted bytes so far; empty when there are none. At most what was fed.
  Bytes TakePlaintext();
  // Encrypts; only after handshake_done().
  absl::Status Write(ByteView plaintext);
  // Queues close_notify.
  void Shutdown();

  bool handshake_done() const;
  // The handshake is suspended until the signer answers (on_progress is still
  // to come). What is fed meanwhile only piles up: better stop reading.
  bool waiting_for_signer() const;
  // The peer's close_notify was seen.
  bool peer_closed() const;
  const TlsPeer& peer() const;  // after handshake_done()
  std::string version() const;  // "TLSv1.3"
  std::string cipher() const;

  // Channel bindings. tls-unique (RFC 5929) is for TLS 1.2: kFailedPrecondition
  // on 1.3. tls-exporter (RFC 9266): label EXPORTER-Channel-Binding, empty
  // context, 32 octets; on TLS 1.2 only with extended master secret.
  absl::StatusOr<Bytes> TlsUnique() const;
  absl::StatusOr<Bytes> TlsExporter() const;

 private:
  struct Impl;
  explicit TlsStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bestow

#endif  // COMMON_TLS_TLS_STREAM_H_
