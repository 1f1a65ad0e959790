// Encryption under a passphrase: PBES2 (RFC 8018 6.2).
#ifndef COMMON_PKI_PBES2_H_
#define COMMON_PKI_PBES2_H_

#include <cstdint>
#include <variant>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"

namespace bestow {

// What a file may make its reader work: some seconds and 64 MiB.
inline constexpr uint64_t kMaxPbkdf2Iterations = 10'000'000;
inline constexpr uint64_t kMaxScryptBytes = uint64_t{64}
                                            << 20;  // 128 * r * (n + p)
inline constexpr uint64_t kMaxScryptBlocks = uint64_t{1} << 22;  // n * r * p

struct Pbkdf2 {
  enum class Prf { kHmacSha1, kHmacSha256, kHmacSha384, kHmacSha512 };
  Bytes salt;
  uint64_t iterations = 0;
  Prf prf = Prf::kHmacSha256;
};

struct Scrypt {  // RFC 7914
  Bytes salt;
  uint64_t n = 0;  // cost: a power of two
  uint64_t r = 0;  // block size
  uint64_t p = 0;  // parallelization
};

struct Pbes2 {
  // 3DES is read alone: `openssl req -newkey` still writes it.
  enum class Cipher { kAes128Cbc, kAes256Cbc, kDesEde3Cbc };
  std::variant<Pbkdf2, Scrypt> kdf;
  Cipher cipher = Cipher::kAes256Cbc;
  Bytes iv;  // of the cipher's block: 16 octets, 3DES 8
};

// PBKDF2 with HMAC-SHA-256 and 600,000 iterations, AES-256; a random salt of 16
// octets and a random IV.
Pbes2 NewPbes2();

// One DER AlgorithmIdentifier, id-PBES2. kInvalidArgument: malformed, another
// algorithm, or work beyond the limits above, a salt of none or over 128
// octets. A default PRF (SHA-1) that is written out is taken, as openssl does.
absl::StatusOr<Pbes2> ParsePbes2Der(ByteView algorithm);
absl::StatusOr<Bytes> SerializePbes2Der(const Pbes2& scheme);

// Blocks for the time of the key derivation: half a second for NewPbes2().
absl::StatusOr<Bytes> Pbes2Encrypt(const Pbes2& scheme,
                                   const Secret& passphrase, ByteView content);
// kPermissionDenied: the padding is wrong, and so is the passphrase most likely
// (one wrong passphrase in 256 goes unnoticed here); kInvalidArgument: not
// whole blocks.
absl::StatusOr<Secret> Pbes2Decrypt(const Pbes2& scheme,
                                    const Secret& passphrase,
                                    ByteView ciphertext);

}  // namespace bestow

#endif  // COMMON_PKI_PBES2_H_
