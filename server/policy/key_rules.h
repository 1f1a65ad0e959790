// What a certificate may say of its key.
#ifndef SERVER_POLICY_KEY_RULES_H_
#define SERVER_POLICY_KEY_RULES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow::server {

// The part of `key_usage` that a key of this kind can do. An EC key neither
// encrypts keys nor data (RFC 5480 3, RFC 8813 3), an RSA key agrees on nothing
// (RFC 3279 2.3.1), so that one profile serves both. kPermissionDenied when
// nothing is left, or for another kind of key. `spki`: DER
// SubjectPublicKeyInfo; NOT checked: its strength.
absl::StatusOr<uint32_t> UsageOfKey(uint32_t key_usage, ByteView spki);

}  // namespace bestow::server

#endif  // SERVER_POLICY_KEY_RULES_H_
