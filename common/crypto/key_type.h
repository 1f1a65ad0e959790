// The kinds of keys that Bestow makes, and what they are called.
#ifndef COMMON_CRYPTO_KEY_TYPE_H_
#define COMMON_CRYPTO_KEY_TYPE_H_

#include <array>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow {

enum class KeyType { kEcP256, kEcP384, kRsa2048, kRsa3072, kEd25519 };

inline constexpr std::array<KeyType, 5> kKeyTypes = {
    KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048, KeyType::kRsa3072,
    KeyType::kEd25519};

// "ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "ed25519": in configurations,
// flags and logs.
std::string_view KeyTypeName(KeyType type);
// kInvalidArgument lists the names.
absl::StatusOr<KeyType> KeyTypeByName(std::string_view name);

// Of a DER SubjectPublicKeyInfo. kInvalidArgument: malformed, off its curve,
// or of another type or size (RSA: exactly 2048 or 3072 bits). NOT checked:
// the RSA exponent and the point's form; CheckPublicKeyStrength() does that.
absl::StatusOr<KeyType> KeyTypeOfSpki(ByteView spki);

}  // namespace bestow

#endif  // COMMON_CRYPTO_KEY_TYPE_H_
