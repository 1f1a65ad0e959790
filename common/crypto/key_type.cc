#include "common/crypto/key_type.h"

#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"

namespace bestow {

std::string_view KeyTypeName(KeyType type) {
  switch (type) {
    case KeyType::kEcP256:
      return "ec-p256";
    case KeyType::kEcP384:
      return "ec-p384";
    case KeyType::kRsa2048:
      return "rsa-2048";
    case KeyType::kRsa3072:
      return "rsa-3072";
    case KeyType::kEd25519:
      return "ed25519";
  }
  LOG(FATAL) << "no key type: " << static_cast<int>(type);
}

absl::StatusOr<KeyType> KeyTypeByName(std::string_view name) {
  std::string names;
  for (KeyType type : kKeyTypes) {
    if (KeyTypeName(type) == name) return type;
    absl::StrAppend(&names, names.empty() ? "" : ", ", KeyTypeName(type));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is no key type: use one of ", names));
}

absl::StatusOr<KeyType> KeyTypeOfSpki(ByteView spki) {
  CBS cbs;
  CBS_init(&cbs, spki.data(), spki.size());
  const bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&cbs));
  ERR_clear_error();
  if (key == nullptr || CBS_len(&cbs) != 0) {
    return absl::InvalidArgumentError(
        "the public key is malformed, off its curve, or of an unknown type");
  }
  const int bits = EVP_PKEY_bits(key.get());
  switch (EVP_PKEY_id(key.get())) {
    case EVP_PKEY_EC:
      switch (EC_GROUP_get_curve_name(
          EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key.get())))) {
        case NID_X9_62_prime256v1:
          return KeyType::kEcP256;
        case NID_secp384r1:
          return KeyType::kEcP384;
        default:
          return absl::InvalidArgumentError(
              "the key's curve is neither P-256 nor P-384");
      }
    case EVP_PKEY_RSA:
      if (bits == 2048) return KeyType::kRsa2048;
      if (bits == 3072) return KeyType::kRsa3072;
      return absl::InvalidArgumentError(absl::StrCat(
          "the RSA key has ", bits, " bits: 2048 or 3072 are taken"));
    case EVP_PKEY_ED25519:
      return KeyType::kEd25519;
    default:
      return absl::InvalidArgumentError(
          "the key is neither EC nor RSA nor Ed25519");
  }
}

}  // namespace bestow
