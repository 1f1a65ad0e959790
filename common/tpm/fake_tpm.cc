#include "common/tpm/fake_tpm.h"

#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/tpm/errors.h"
#include "common/tpm/key_policy.h"
#include "common/tpm/key_use.h"
#include "common/tpm/tpm_public.h"

namespace bestow {
namespace {

constexpr int kLongestSalt = -2;  // BoringSSL's way to say so

// TPM2B_PUBLIC of an SPKI that SoftwareSigner made.
Bytes PublicBlob(KeyType type, ByteView spki, const TpmKey& key_of) {
  TpmPublic out{.type = type, .attributes = kEcKeyAttributes};
  if (key_of.pcr_policy) {
    out.policy = PolicyDigest(*key_of.pcr_policy, key_of.wants_auth);
  }
  CBS cbs;
  CBS_init(&cbs, spki.data(), spki.size());
  bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&cbs));
  CHECK(key != nullptr);
  if (const RSA* rsa = EVP_PKEY_get0_RSA(key.get()); rsa != nullptr) {
    out.attributes = kRsaKeyAttributes;
    out.modulus.resize(RSA_size(rsa));
    BN_bn2bin(RSA_get0_n(rsa), out.modulus.data());
  } else {
    // The coordinates of an uncompressed point stand at the end of its SPKI.
    const size_t size = type == KeyType::kEcP256 ? 32 : 48;
    out.x.assign(spki.end() - 2 * size, spki.end() - size);
    out.y.assign(spki.end() - size, spki.end());
  }
  return SerializeTpmPublic(out);
}

// As a TPM2B_PRIVATE, a name that means something to this TPM alone.
Bytes NewPrivateBlob() {
  Bytes out = {0, 32};
  out.resize(2 + 32);
  RAND_bytes(out.data() + 2, 32);
  return out;
}

bssl::UniquePtr<EVP_PKEY> PrivateKeyOf(const SoftwareSigner& signer) {
  const Secret der = *signer.ToPkcs8Der();
  CBS cbs;
  CBS_init(&cbs, der.bytes().data(), der.bytes().size());
  return bssl::UniquePtr<EVP_PKEY>(EVP_parse_private_key(&cbs));
}

absl::Status Lost() {
  return TpmStatus(TpmAction::kKeyLost, "this TPM can't load the key");
}

}  // namespace

absl::Status FakeTpm::NextCommand() {
  if (++commands_ == fail_at_) return error_;
  return absl::OkStatus();
}

void FakeTpm::FailAfter(int count, absl::Status error) {
  fail_at_ = commands_ + count + 1;
  error_ = std::move(error);
}

void FakeTpm::Clear() {
  keys_.clear();
  sealed_.clear();
}

void FakeTpm::ChangePcrs() {
  std::erase_if(keys_,
                [](const auto& entry) { return entry.second.wants_pcrs; });
}

absl::StatusOr<SoftwareSigner*> FakeTpm::Find(const TpmKey& key) const {
  auto it = keys_.find(key.private_blob);
  if (it == keys_.end()) return Lost();
  const Secret& wanted = it->second.auth;
  const ByteView shown = key.auth == nullptr ? ByteView() : key.auth->bytes();
  if (!ConstantTimeEquals(wanted.bytes(), shown)) {
    return TpmStatus(TpmAction::kWrongAuth, "the key's password is wrong");
  }
  return it->second.signer.get();
}

absl::StatusOr<TpmKey> FakeTpm::CreateKey(KeyType type,
                                          const KeyProtection& protection) {
  if (absl::Status s = CheckProtection(protection); !s.ok()) return s;
  if (absl::Status s = NextCommand(); !s.ok()) return s;
  if (type == KeyType::kEd25519 || lacks_.contains(type)) {
    return TpmStatus(TpmAction::kUnsupported,
                     absl::StrCat("the TPM has no ", KeyTypeName(type),
                                  " keys; ask for another key_type"));
  }
  auto signer = SoftwareSigner::Generate(type);
  if (!signer.ok()) return signer.status();
  TpmKey key;
  if (!protection.pcrs.empty()) {
    key.pcr_policy =
        PcrPolicy{.pcrs = protection.pcrs, .digest = Bytes(32, 0x0c)};
  }
  key.wants_auth = protection.auth != nullptr;
  key.auth = protection.auth;
  key.public_blob = PublicBlob(type, (*signer)->public_key_spki(), key);
  key.private_blob = NewPrivateBlob();
  Key& kept = keys_[key.private_blob];
  kept.signer = *std::move(signer);
  if (key.auth != nullptr) kept.auth = key.auth->Copy();
  kept.wants_pcrs = key.pcr_policy.has_value();
  return key;
}

absl::StatusOr<Bytes> FakeTpm::Sign(const TpmKey& key,
                                    SignatureAlgorithm algorithm,
                                    ByteView message) {
  auto spki = CheckCanSign(key, algorithm);
  if (!spki.ok()) return spki.status();
  if (absl::Status s = NextCommand(); !s.ok()) return s;
  auto signer = Find(key);
  if (!signer.ok()) return signer.status();
  if (algorithm != SignatureAlgorithm::kRsaPssSha256) {
    return SignAndWait(**signer, message);
  }
  bssl::UniquePtr<EVP_PKEY> private_key = PrivateKeyOf(**signer);
  RSA* rsa = EVP_PKEY_get0_RSA(private_key.get());
  Bytes out(RSA_size(rsa));
  size_t size = 0;
  auto sign_pss = [&](ByteView digest) -> absl::StatusOr<Bytes> {
    CHECK(RSA_sign_pss_mgf1(rsa, &size, out.data(), out.size(), digest.data(),
                            digest.size(), EVP_sha256(), EVP_sha256(),
                            salts_long_ ? kLongestSalt : -1) == 1);
    return out;
  };
  auto raw_private = [&](ByteView block) -> absl::StatusOr<Bytes> {
    CHECK(RSA_sign_raw(rsa, &size, out.data(), out.size(), block.data(),
                       block.size(), RSA_NO_PADDING) == 1);
    return out;
  };
  return rsa_pss_.Sign(*spki, message,
                       {.sign_pss = sign_pss, .raw_private = raw_private});
}

absl::StatusOr<Secret> FakeTpm::RsaOaepDecrypt(const TpmKey& key,
                                               ByteView ciphertext) {
  if (auto s = CheckCanDecrypt(key, ciphertext); !s.ok()) return s;
  if (absl::Status s = NextCommand(); !s.ok()) return s;
  auto signer = Find(key);
  if (!signer.ok()) return signer.status();
  bssl::UniquePtr<EVP_PKEY> private_key = PrivateKeyOf(**signer);
  bssl::UniquePtr<EVP_PKEY_CTX> ctx(
      EVP_PKEY_CTX_new(private_key.get(), nullptr));
  Bytes out(ciphertext.size());
  size_t size = out.size();
  CHECK(EVP_PKEY_decrypt_init(ctx.get()) == 1);
  CHECK(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING) == 1);
  CHECK(EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), EVP_sha256()) == 1);
  if (EVP_PKEY_decrypt(ctx.get(), out.data(), &size, ciphertext.data(),
                       ciphertext.size()) != 1) {
    return TpmStatus(TpmAction::kGiveUp, "can't decrypt with the TPM");
  }
  out.resize(size);
  return Secret(std::move(out));
}

absl::StatusOr<SealedBlob> FakeTpm::Seal(const Secret& secret) {
  if (secret.empty() || secret.bytes().size() > kMaxSealedBytes) {
    return absl::InvalidArgumentError("a TPM seals 1 to 128 octets");
  }
  if (absl::Status s = NextCommand(); !s.ok()) return s;
  SealedBlob blob{.private_blob = NewPrivateBlob()};
  blob.public_blob = SerializeTpmSealedPublic(
      ByteView(blob.private_blob).subspan(2));  // as unique as it
  sealed_[blob.private_blob] = secret.Copy();
  return blob;
}

absl::StatusOr<Secret> FakeTpm::Unseal(const SealedBlob& blob) {
  if (absl::Status s = NextCommand(); !s.ok()) return s;
  auto it = sealed_.find(blob.private_blob);
  if (it == sealed_.end()) return Lost();
  return it->second.Copy();
}

absl::Status FakeTpm::Check() { return NextCommand(); }

absl::Status FakeTpm::CheckKey(const TpmKey& key) {
  auto signer = Find(key);
  return TpmActionOf(signer.status()) == TpmAction::kKeyLost ? signer.status()
                                                             : absl::OkStatus();
}

}  // namespace bestow
