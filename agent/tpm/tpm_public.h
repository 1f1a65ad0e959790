// TPM2B_PUBLIC of a P-256 signing key (TPM 2.0 Part 2, 12.2.4), without a TPM:
// who only wants the public key of a key file needs no TPM library.
#ifndef AGENT_TPM_TPM_PUBLIC_H_
#define AGENT_TPM_TPM_PUBLIC_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow::agent {

// TPMA_OBJECT bits (Part 2, 8.3).
inline constexpr uint32_t kFixedTpm = 1u << 1;
inline constexpr uint32_t kFixedParent = 1u << 4;
inline constexpr uint32_t kSensitiveDataOrigin = 1u << 5;
inline constexpr uint32_t kUserWithAuth = 1u << 6;
inline constexpr uint32_t kNoDa = 1u << 10;
inline constexpr uint32_t kRestricted = 1u << 16;
inline constexpr uint32_t kDecrypt = 1u << 17;
inline constexpr uint32_t kSignEncrypt = 1u << 18;

// The attributes of every key that we make: it was born in this TPM, can't
// leave it, signs what it is given, needs no password, and is not subject to
// dictionary-attack lockout.
inline constexpr uint32_t kSigningKeyAttributes =
    kFixedTpm | kFixedParent | kSensitiveDataOrigin | kUserWithAuth | kNoDa |
    kSignEncrypt;

struct TpmEccPublic {
  uint32_t attributes = 0;
  Bytes x;  // 32 octets, big-endian
  Bytes y;
};

// One TPM2B_PUBLIC with its size, nothing after it: ECC, NIST P-256, name
// algorithm SHA-256, no symmetric algorithm, scheme null or ECDSA with
// SHA-256, no KDF. Anything else: kInvalidArgument.
absl::StatusOr<TpmEccPublic> ParseTpmEccPublic(ByteView blob);
// With the null scheme and no policy. x and y must have 32 octets.
Bytes SerializeTpmEccPublic(const TpmEccPublic& key);

// DER SubjectPublicKeyInfo of the blob's key. NOT checked: that the point is
// on the curve.
absl::StatusOr<Bytes> TpmPublicToSpki(ByteView blob);

// ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } from the unsigned
// big-endian numbers that a TPM returns.
absl::StatusOr<Bytes> EcdsaSignatureDer(ByteView r, ByteView s);

}  // namespace bestow::agent

#endif  // AGENT_TPM_TPM_PUBLIC_H_
