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

absl::Status CheckProtection(const KeyProtection& protection) {
  if (protection.auth != nullptr &&
      (protection.auth->empty() ||
       protection.auth->bytes().size() > kMaxAuthBytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a key's password has 1 to ", kMaxAuthBytes, " octets"));
  }
  // A TPM drops zeros at the end (Part 1, 17.6.4.3).
  if (protection.auth != nullptr && protection.auth->bytes().back() == 0) {
    return absl::InvalidArgumentError("a key's password can't end with zeros");
  }
  int last = -1;
  for (int pcr : protection.pcrs) {
    if (pcr <= last || pcr > kLastPcr) {
      return absl::InvalidArgumentError("PCRs go from 0 to 23, in order");
    }
    last = pcr;
  }
  return absl::OkStatus();
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
