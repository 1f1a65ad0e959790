// What common/tls shares within itself.
#ifndef COMMON_TLS_TLS_INTERNAL_H_
#define COMMON_TLS_TLS_INTERNAL_H_

#include <openssl/ssl.h>

#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/tls/tls_context.h"

namespace bestow {

struct TlsContext::Impl {
  bssl::UniquePtr<SSL_CTX> ssl_ctx;
  bool is_server = false;
  std::shared_ptr<Signer> signer;  // null: no credential
  const Clock* clock = nullptr;
  // A server's client_anchors, a client's server_anchors.
  std::shared_ptr<const TrustAnchors> anchors;
  std::optional<Bytes> pinned_ca_sha256;
};

}  // namespace bestow

#endif  // COMMON_TLS_TLS_INTERNAL_H_
