// The kind of key that a request for /serverkeygen wants.
#ifndef SERVER_EST_REQUESTED_KEY_H_
#define SERVER_EST_REQUESTED_KEY_H_

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/key_type.h"

namespace bestow::server {

// The type and size that the SubjectPublicKeyInfo of a CSR names, for a device:
// never Ed25519. Its key itself is ignored, as RFC 7030 4.4.1 demands: it may
// be off its curve, or a product of no primes. kInvalidArgument, saying what
// can be had, for other types and sizes.
absl::StatusOr<KeyType> RequestedKeyType(ByteView spki);

}  // namespace bestow::server

#endif  // SERVER_EST_REQUESTED_KEY_H_
