#include "common/tpm/rsa_pss.h"

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "common/crypto/public_key.h"
#include "common/tpm/errors.h"

namespace bestow {
namespace {

constexpr int kSaltOfDigestLength = -1;  // BoringSSL's way to say so

bool Verifies(RSA* rsa, const Sha256Digest& digest, ByteView signature) {
  const bool ok =
      RSA_verify_pss_mgf1(rsa, digest.data(), digest.size(), EVP_sha256(),
                          EVP_sha256(), kSaltOfDigestLength, signature.data(),
                          signature.size()) == 1;
  ERR_clear_error();
  return ok;
}

}  // namespace

absl::StatusOr<Bytes> RsaPssSigner::Sign(ByteView spki, ByteView message,
                                         const Operations& operations) {
  CBS cbs;
  CBS_init(&cbs, spki.data(), spki.size());
  bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&cbs));
  RSA* rsa = key == nullptr ? nullptr : EVP_PKEY_get0_RSA(key.get());
  ERR_clear_error();
  if (rsa == nullptr) return absl::InvalidArgumentError("not an RSA key");
  const Sha256Digest digest = Sha256(message);

  if (!pads_here_) {
    absl::StatusOr<Bytes> signature = operations.sign_pss(digest);
    if (signature.ok()
            ? Verifies(rsa, digest, *signature)
            : TpmActionOf(signature.status()) != TpmAction::kGiveUp) {
      return signature;
    }
  }
  Bytes block(RSA_size(rsa));
  if (RSA_padding_add_PKCS1_PSS_mgf1(rsa, block.data(), digest.data(),
                                     EVP_sha256(), EVP_sha256(),
                                     kSaltOfDigestLength) != 1) {
    ERR_clear_error();
    return absl::InternalError("can't pad for RSASSA-PSS");
  }
  absl::StatusOr<Bytes> signature = operations.raw_private(block);
  if (!signature.ok()) return signature.status();
  if (!Verifies(rsa, digest, *signature)) {
    return absl::InternalError("the TPM's RSA signature does not verify");
  }
  pads_here_ = true;
  return signature;
}

}  // namespace bestow
