#include "common/tpm/key_use.h"

#include "absl/strings/str_cat.h"
#include "common/crypto/key_type.h"
#include "common/tpm/tpm_public.h"

namespace bestow {

absl::StatusOr<Bytes> CheckCanSign(const TpmKey& key,
                                   SignatureAlgorithm algorithm) {
  auto pub = ParseTpmPublic(key.public_blob);
  if (!pub.ok()) return pub.status();
  const bool pss =
      algorithm == SignatureAlgorithm::kRsaPssSha256 && !pub->modulus.empty();
  if (!pss && algorithm != SignatureAlgorithmOf(pub->type)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a key of type ", KeyTypeName(pub->type),
                     " does not sign with algorithm 0x",
                     absl::Hex(static_cast<uint16_t>(algorithm))));
  }
  return TpmPublicToSpki(key.public_blob);
}

absl::Status CheckCanDecrypt(const TpmKey& key, ByteView ciphertext) {
  auto pub = ParseTpmPublic(key.public_blob);
  if (!pub.ok()) return pub.status();
  if (pub->modulus.empty() || (pub->attributes & kDecrypt) == 0) {
    return absl::InvalidArgumentError("the key does not decrypt");
  }
  if (ciphertext.size() != pub->modulus.size()) {
    return absl::InvalidArgumentError(
        "what was encrypted has not the length of the RSA key");
  }
  return absl::OkStatus();
}

}  // namespace bestow
