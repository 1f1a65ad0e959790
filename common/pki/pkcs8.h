// PKCS#8 private keys (RFC 5958, and RFC 5208 which it contains).
#ifndef COMMON_PKI_PKCS8_H_
#define COMMON_PKI_PKCS8_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"

namespace bestow {

// An unencrypted OneAsymmetricKey. Move-only, for the key in it.
struct PrivateKeyInfo {
  uint64_t version = 0;  // 0 (v1), or 1 (v2) where a public key may stand
  Bytes algorithm;       // DER AlgorithmIdentifier
  Secret private_key;    // what the OCTET STRING holds
  std::optional<Bytes> attributes;  // content octets of [0]
  std::optional<Bytes> public_key;  // content octets of [1], a BIT STRING's
};

// kInvalidArgument: not one DER PrivateKeyInfo, trailing bytes. NOT checked:
// whether the octets are a key of the algorithm.
absl::StatusOr<PrivateKeyInfo> ParsePrivateKeyInfoDer(ByteView der);

// Equal to what ParsePrivateKeyInfoDer took.
absl::StatusOr<Secret> SerializePrivateKeyInfoDer(const PrivateKeyInfo& key);

}  // namespace bestow

#endif  // COMMON_PKI_PKCS8_H_
