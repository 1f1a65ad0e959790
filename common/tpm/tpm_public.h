// TPM2B_PUBLIC (TPM 2.0 Part 2, 12.2.4) of the signing keys that we make,
// without a TPM: who only wants the public key of a key file needs no TPM
// library.
#ifndef COMMON_TPM_TPM_PUBLIC_H_
#define COMMON_TPM_TPM_PUBLIC_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/key_type.h"

namespace bestow {

// TPMA_OBJECT bits (Part 2, 8.3).
inline constexpr uint32_t kFixedTpm = 1u << 1;
inline constexpr uint32_t kFixedParent = 1u << 4;
inline constexpr uint32_t kSensitiveDataOrigin = 1u << 5;
inline constexpr uint32_t kUserWithAuth = 1u << 6;
inline constexpr uint32_t kNoDa = 1u << 10;
inline constexpr uint32_t kRestricted = 1u << 16;
inline constexpr uint32_t kDecrypt = 1u << 17;
inline constexpr uint32_t kSignEncrypt = 1u << 18;

// The attributes of the EC keys that we make: born in this TPM, can't leave
// it, sign what they are given, need no password, and are not subject to
// dictionary-attack lockout.
inline constexpr uint32_t kEcKeyAttributes =
    kFixedTpm | kFixedParent | kSensitiveDataOrigin | kUserWithAuth | kNoDa |
    kSignEncrypt;
// RSA keys decrypt too: TLS 1.3 signatures need that on some chips
// (rsa_pss.h), and server-generated keys come encrypted to them.
inline constexpr uint32_t kRsaKeyAttributes = kEcKeyAttributes | kDecrypt;

struct TpmPublic {
  KeyType type = KeyType::kEcP256;  // never kEd25519
  uint32_t attributes = 0;
  Bytes policy;  // at most 64 octets; empty: none
  // Big-endian. EC: the point, each with as many octets as the curve's field.
  Bytes x;
  Bytes y;
  // RSA: as many octets as the key's size; the public exponent is 65537.
  Bytes modulus;
};

// One TPM2B_PUBLIC with its size, nothing after it: name algorithm SHA-256, no
// symmetric algorithm, and one of
// - ECC, NIST P-256 or P-384, no KDF, the scheme null or ECDSA with SHA-256
//   for P-256, SHA-384 for P-384,
// - RSA of 2048 or 3072 bits, the scheme null, the exponent 65537.
// Anything else: kInvalidArgument.
absl::StatusOr<TpmPublic> ParseTpmPublic(ByteView blob);
// With the null scheme. The numbers must have the sizes that
// `type` says.
Bytes SerializeTpmPublic(const TpmPublic& key);

// DER SubjectPublicKeyInfo of the blob's key. NOT checked: that the point is
// on the curve.
absl::StatusOr<Bytes> TpmPublicToSpki(ByteView blob);

// What a sealed secret has: can't leave this TPM, needs no password.
inline constexpr uint32_t kSealedAttributes =
    kFixedTpm | kFixedParent | kUserWithAuth | kNoDa;

// OK for the TPM2B_PUBLIC of a sealed secret: KEYEDHASH, name algorithm
// SHA-256, no scheme. kInvalidArgument otherwise.
absl::Status CheckTpmSealedPublic(ByteView blob);
// With kSealedAttributes and no policy; `unique` has 32 octets.
Bytes SerializeTpmSealedPublic(ByteView unique);

// ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } from the unsigned
// big-endian numbers that a TPM returns.
absl::StatusOr<Bytes> EcdsaSignatureDer(ByteView r, ByteView s);

}  // namespace bestow

#endif  // COMMON_TPM_TPM_PUBLIC_H_
