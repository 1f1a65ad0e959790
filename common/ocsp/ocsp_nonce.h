// The nonce of requests and responses (RFC 6960 4.4.1, RFC 8954, RFC 9654).
#ifndef COMMON_OCSP_OCSP_NONCE_H_
#define COMMON_OCSP_OCSP_NONCE_H_

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/extension.h"

namespace bestow {

// RFC 8954 2.1 took 32 octets at most; RFC 9654, which replaced it, 128.
constexpr size_t kMaxOcspNonceBytes = 128;

// Nonce ::= OCTET STRING (SIZE(1..128)), what the extension's value holds.
absl::StatusOr<Bytes> ParseOcspNonce(ByteView value);
absl::StatusOr<Extension> OcspNonceExtension(ByteView nonce);

}  // namespace bestow

#endif  // COMMON_OCSP_OCSP_NONCE_H_
