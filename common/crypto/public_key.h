// Public keys as DER SubjectPublicKeyInfo: strength, fingerprint, verify.
#ifndef COMMON_CRYPTO_PUBLIC_KEY_H_
#define COMMON_CRYPTO_PUBLIC_KEY_H_

#include <array>
#include <string>

#include "absl/status/status.h"
#include "common/base/bytes.h"

namespace bestow {

using Sha256Digest = std::array<uint8_t, 32>;
Sha256Digest Sha256(ByteView data);
// "ab:cd:..." is what openssl prints; this is lower-case hex without colons.
std::string HexEncode(ByteView data);

// OK when the key is whole, on its curve, and strong enough for a device
// certificate: EC P-256, P-384 or RSA 2048 to 4096 bits with an odd public
// exponent of 65537 or more (Ed25519 is for CAs alone). kInvalidArgument with
// the reason otherwise.
absl::Status CheckPublicKeyStrength(ByteView spki);

// Verifies `signature` over `message` with the algorithm that the DER
// AlgorithmIdentifier names. Accepted: ecdsa-with-SHA256/384/512,
// sha256/384/512WithRSAEncryption, RSASSA-PSS with one of these hashes, MGF1 of
// the same and a salt of the digest's length (RFC 4055 3), Ed25519 (RFC 8410).
// SHA-1, MD5 and the rest: kInvalidArgument. A wrong signature:
// kPermissionDenied. NOT checked: the key's strength.
absl::Status VerifySignature(ByteView algorithm_identifier, ByteView spki,
                             ByteView message, ByteView signature);

// SHA-1 of the subjectPublicKey BIT STRING (RFC 5280 4.2.1.2 method 1): the
// key identifier that CAs and clients use to find each other's keys. Not a
// security function. Empty when `spki` does not parse.
Bytes KeyIdentifier(ByteView spki);

}  // namespace bestow

#endif  // COMMON_CRYPTO_PUBLIC_KEY_H_
