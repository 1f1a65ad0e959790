// Whether the certificates that a peer showed count.
#ifndef COMMON_TLS_PEER_VERIFICATION_H_
#define COMMON_TLS_PEER_VERIFICATION_H_

#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/pki/certificate.h"
#include "common/tls/tls_context.h"

namespace bestow {

// The chain that the peer sent, the leaf first. kInvalidArgument when one of
// them does not parse, or when there are too many.
absl::StatusOr<std::vector<Certificate>> PeerChain(const SSL* ssl);

// A client's certificate against the server's client_anchors.
absl::Status VerifyClient(const TlsContext::Impl& context,
                          const std::vector<Certificate>& chain,
                          absl::Time now);

// A server's certificate against anchors or pin, and for `host`.
// kPermissionDenied says why and what to do about it.
absl::Status VerifyServer(const TlsContext::Impl& context,
                          const std::vector<Certificate>& chain,
                          const std::string& host, absl::Time now);

}  // namespace bestow

#endif  // COMMON_TLS_PEER_VERIFICATION_H_
