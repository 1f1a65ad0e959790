#include "common/cms/key_encryption.h"

#include <openssl/aes.h>
#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <limits>

#include "absl/log/check.h"
#include "absl/log/log.h"
#include "absl/status/status.h"
#include "common/crypto/errors.h"
#include "common/der/writer.h"

namespace bestow::cms {
namespace {

constexpr size_t kWrapBlockBytes = 8;
constexpr size_t kMinWrappedKeyBytes = 16;
constexpr size_t kMaxWrappedKeyBytes = 64;
constexpr size_t kAesBlockBytes = 16;
constexpr size_t kMaxContentBytes = 1024 * 1024;
constexpr der::Tag kContext = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;

const EVP_CIPHER* CipherOf(ContentCipher cipher) {
  return cipher == ContentCipher::kAes128Cbc ? EVP_aes_128_cbc()
                                             : EVP_aes_256_cbc();
}

std::array<uint8_t, 4> BigEndian(uint32_t value) {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

// A key schedule is as secret as its key.
struct AesKey {
  AES_KEY key;
  ~AesKey() { Cleanse(&key, sizeof(key)); }
};

// ECC-CMS-SharedInfo ::= SEQUENCE { keyInfo AlgorithmIdentifier,
//   entityUInfo [0] EXPLICIT OCTET STRING OPTIONAL,
//   suppPubInfo [2] EXPLICIT OCTET STRING }
absl::StatusOr<Bytes> SharedInfo(const KeyAgreement& agreement,
                                 const std::optional<Bytes>& ukm) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddElement(agreement.key_wrap_algorithm);
    if (ukm.has_value()) {
      fields.Add(kContext | 0, [&](der::Writer& w) { w.AddOctetString(*ukm); });
    }
    fields.Add(kContext | 2, [&](der::Writer& w) {
      w.AddOctetString(
          BigEndian(static_cast<uint32_t>(8 * KeyBytes(agreement.key_wrap))));
    });
  });
  return writer.Finish();
}

}  // namespace

const EVP_MD* DigestOf(Hash hash) {
  switch (hash) {
    case Hash::kSha1:
      return EVP_sha1();
    case Hash::kSha256:
      return EVP_sha256();
    case Hash::kSha384:
      return EVP_sha384();
    case Hash::kSha512:
      return EVP_sha512();
  }
  LOG(FATAL) << "no hash";
}

Bytes Digest(Hash hash, ByteView data) {
  Bytes digest(HashBytes(hash));
  CHECK(EVP_Digest(data.data(), data.size(), digest.data(), nullptr,
                   DigestOf(hash), nullptr));
  return digest;
}

Bytes RandomBytes(size_t size) {
  Bytes out(size);
  // Never fails: BoringSSL ends the process instead.
  RAND_bytes(out.data(), out.size());
  return out;
}

Secret RandomSecret(size_t size) { return Secret(RandomBytes(size)); }

absl::Status CanNotDecrypt() {
  ERR_clear_error();
  return absl::PermissionDeniedError(
      "CMS: can't be decrypted: it is for another key, or was changed");
}

absl::StatusOr<Bytes> WrapKey(const Secret& kek, const Secret& key) {
  AesKey schedule;
  const ByteView plain = key.bytes();
  if (!KeyWrapOfLength(kek.bytes().size()).has_value() ||
      plain.size() % kWrapBlockBytes != 0 ||
      plain.size() < kMinWrappedKeyBytes ||
      plain.size() > kMaxWrappedKeyBytes) {
    return absl::InvalidArgumentError("CMS: no lengths for AES key wrap");
  }
  Bytes wrapped(plain.size() + kWrapBlockBytes);
  if (AES_set_encrypt_key(kek.bytes().data(), 8 * kek.bytes().size(),
                          &schedule.key) != 0 ||
      AES_wrap_key(&schedule.key, nullptr, wrapped.data(), plain.data(),
                   plain.size()) != static_cast<int>(wrapped.size())) {
    return CryptoError("wrapping a key");
  }
  return wrapped;
}

absl::StatusOr<Secret> UnwrapKey(const Secret& kek, ByteView wrapped) {
  AesKey schedule;
  if (!KeyWrapOfLength(kek.bytes().size()).has_value() ||
      wrapped.size() % kWrapBlockBytes != 0 ||
      wrapped.size() < kMinWrappedKeyBytes + kWrapBlockBytes ||
      wrapped.size() > kMaxWrappedKeyBytes + kWrapBlockBytes) {
    return CanNotDecrypt();
  }
  Bytes plain(wrapped.size() - kWrapBlockBytes);
  const bool ok =
      AES_set_decrypt_key(kek.bytes().data(), 8 * kek.bytes().size(),
                          &schedule.key) == 0 &&
      AES_unwrap_key(&schedule.key, nullptr, plain.data(), wrapped.data(),
                     wrapped.size()) == static_cast<int>(plain.size());
  Secret out(std::move(plain));
  if (!ok) return CanNotDecrypt();
  return out;
}

absl::StatusOr<Secret> X963Kdf(Hash hash, const Secret& shared_secret,
                               ByteView shared_info, size_t size) {
  const size_t hash_bytes = HashBytes(hash);
  // Z and what comes of it are wiped with `out` and `block`.
  Bytes out;
  out.reserve(size + hash_bytes);
  Bytes block(hash_bytes);
  bool ok = true;
  for (uint32_t counter = 1; ok && out.size() < size; ++counter) {
    const std::array<uint8_t, 4> number = BigEndian(counter);
    bssl::ScopedEVP_MD_CTX context;
    ok = EVP_DigestInit_ex(context.get(), DigestOf(hash), nullptr) &&
         EVP_DigestUpdate(context.get(), shared_secret.bytes().data(),
                          shared_secret.bytes().size()) &&
         EVP_DigestUpdate(context.get(), number.data(), number.size()) &&
         EVP_DigestUpdate(context.get(), shared_info.data(),
                          shared_info.size()) &&
         EVP_DigestFinal_ex(context.get(), block.data(), nullptr);
    const size_t wanted = std::min(hash_bytes, size - out.size());
    out.insert(out.end(), block.begin(), block.begin() + wanted);
  }
  Cleanse(block.data(), block.size());
  Secret key(std::move(out));
  if (!ok) return CryptoError("deriving a key");
  return key;
}

absl::StatusOr<Secret> DeriveKek(const KeyAgreement& agreement,
                                 const std::optional<Bytes>& ukm,
                                 const Secret& shared_secret) {
  absl::StatusOr<Bytes> info = SharedInfo(agreement, ukm);
  if (!info.ok()) return info.status();
  return X963Kdf(agreement.kdf, shared_secret, *info,
                 KeyBytes(agreement.key_wrap));
}

absl::StatusOr<Bytes> EncryptContent(const ContentEncryption& encryption,
                                     const Secret& key, ByteView content) {
  if (content.empty() || content.size() > kMaxContentBytes ||
      key.bytes().size() != KeyBytes(encryption.cipher) ||
      encryption.iv.size() != kAesBlockBytes) {
    return absl::InvalidArgumentError(
        "CMS: the content is empty or too long, or its key is of another "
        "cipher");
  }
  bssl::ScopedEVP_CIPHER_CTX context;
  Bytes out(content.size() + kAesBlockBytes);
  int body = 0, tail = 0;
  if (!EVP_EncryptInit_ex(context.get(), CipherOf(encryption.cipher), nullptr,
                          key.bytes().data(), encryption.iv.data()) ||
      !EVP_EncryptUpdate(context.get(), out.data(), &body, content.data(),
                         static_cast<int>(content.size())) ||
      !EVP_EncryptFinal_ex(context.get(), out.data() + body, &tail)) {
    return CryptoError("encrypting content");
  }
  out.resize(static_cast<size_t>(body) + static_cast<size_t>(tail));
  return out;
}

absl::StatusOr<Secret> DecryptContent(const ContentEncryption& encryption,
                                      const Secret& key, ByteView ciphertext) {
  if (key.bytes().size() != KeyBytes(encryption.cipher) ||
      encryption.iv.size() != kAesBlockBytes ||
      ciphertext.size() > kMaxContentBytes + kAesBlockBytes) {
    return CanNotDecrypt();
  }
  bssl::ScopedEVP_CIPHER_CTX context;
  Bytes out(ciphertext.size() + kAesBlockBytes);
  int body = 0, tail = 0;
  const bool ok =
      EVP_DecryptInit_ex(context.get(), CipherOf(encryption.cipher), nullptr,
                         key.bytes().data(), encryption.iv.data()) &&
      EVP_DecryptUpdate(context.get(), out.data(), &body, ciphertext.data(),
                        static_cast<int>(ciphertext.size())) &&
      EVP_DecryptFinal_ex(context.get(), out.data() + body, &tail);
  const size_t size = static_cast<size_t>(body) + static_cast<size_t>(tail);
  // Cleansed whole: a vector that shrinks keeps what it had.
  Secret plain(Bytes(out.begin(), out.begin() + (ok ? size : 0)));
  Cleanse(out.data(), out.size());
  if (!ok) return CanNotDecrypt();
  return plain;
}

}  // namespace bestow::cms
