// TLS settings of one side: versions, credential, whom to trust.
#ifndef COMMON_TLS_TLS_CONTEXT_H_
#define COMMON_TLS_TLS_CONTEXT_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "common/pki/path.h"

struct ssl_ctx_st;

namespace bestow {

// TLS 1.2 and 1.3 only (RFC 8996); ECDHE with AEAD on 1.2 (RFC 9325); groups
// X25519, P-256, P-384; no compression, no renegotiation, no resumption (a
// resumed session would skip the check of a revoked or expired certificate).
struct TlsVersions {
  bool allow_1_2 = true;
  bool allow_1_3 = true;
};

struct TlsCredential {
  std::vector<Bytes> chain;  // DER, the leaf first
  std::shared_ptr<Signer> signer;
};

struct TlsServerOptions {
  TlsVersions versions;
  TlsCredential credential;
  // Client certificates are asked for and checked against these, never
  // required by the handshake: EST answers who lacks one over HTTP. Their
  // names are sent as the acceptable CAs. Null: not asked for.
  std::shared_ptr<const TrustAnchors> client_anchors;
};

struct TlsClientOptions {
  TlsVersions versions;
  std::optional<TlsCredential> credential;
  // The server must verify to these, and match the host's name. Null only
  // together with a pin.
  std::shared_ptr<const TrustAnchors> server_anchors;
  // SHA-256 over the DER of a CA certificate that the server's chain (as sent)
  // must contain and verify to, for a first /cacerts. The host's name is
  // checked too.
  std::optional<Bytes> pinned_ca_sha256;
};

// Immutable, thread-safe, shared by the streams made from it.
class TlsContext {
 public:
  static absl::StatusOr<std::shared_ptr<const TlsContext>> CreateServer(
      TlsServerOptions options, const Clock& clock);
  static absl::StatusOr<std::shared_ptr<const TlsContext>> CreateClient(
      TlsClientOptions options, const Clock& clock);
  ~TlsContext();

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bestow

#endif  // COMMON_TLS_TLS_CONTEXT_H_
