#include "server/auth/sealed_secret.h"

#include <openssl/aead.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/errors.h"

namespace bestow::server {
namespace {

// Sealed: version, the key's id, nonce, then ciphertext and tag.
constexpr uint8_t kVersion = 1;
constexpr size_t kKeyIdBytes = 8;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kHeadBytes = 1 + kKeyIdBytes;
constexpr mode_t kSecretMode = 0600;

// Tells keys apart, and nothing of the key.
Bytes KeyIdOf(const Secret& key) {
  constexpr std::string_view kLabel = "bestow seal key id";
  uint8_t mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.bytes().data(), key.bytes().size(),
       AsBytes(kLabel).data(), kLabel.size(), mac, &size);
  return Bytes(mac, mac + kKeyIdBytes);
}

bssl::UniquePtr<EVP_AEAD_CTX> MakeContext(const Secret& key) {
  return bssl::UniquePtr<EVP_AEAD_CTX>(
      EVP_AEAD_CTX_new(EVP_aead_aes_256_gcm(), key.bytes().data(),
                       key.bytes().size(), kTagBytes));
}

absl::Status NotOurs() {
  return absl::DataLossError(
      "a sealed secret of the database was not sealed for where it is, or was "
      "changed");
}

}  // namespace

absl::Status SecretSealer::CreateKeyFile(const std::string& path) {
  Bytes bytes(kKeyBytes);
  RAND_bytes(bytes.data(), bytes.size());
  const Secret key(std::move(bytes));
  return CreateFileDurably(path, key.bytes(), kSecretMode);
}

absl::StatusOr<std::shared_ptr<const SecretSealer>> SecretSealer::Load(
    const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kKeyBytes);
  if (absl::IsNotFound(text.status())) return text.status();
  if (!text.ok() && !absl::IsResourceExhausted(text.status())) {
    return absl::FailedPreconditionError(text.status().message());
  }
  std::optional<Secret> key;
  if (text.ok()) {
    key.emplace(std::string_view(*text));
    Cleanse(text->data(), text->size());
  }
  if (!key.has_value() || key->bytes().size() != kKeyBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " does not hold the ", kKeyBytes,
                     " octets of a key: put the folder's own back"));
  }
  return FromKey(*key);
}

absl::StatusOr<std::shared_ptr<const SecretSealer>> SecretSealer::LoadOrCreate(
    const std::string& path) {
  absl::StatusOr<std::shared_ptr<const SecretSealer>> sealer = Load(path);
  if (!absl::IsNotFound(sealer.status())) return sealer;
  absl::Status status = CreateKeyFile(path);
  if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  return Load(path);
}

absl::StatusOr<std::shared_ptr<const SecretSealer>> SecretSealer::FromKey(
    const Secret& key) {
  if (key.bytes().size() != kKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a sealing key has ", kKeyBytes, " octets"));
  }
  return std::shared_ptr<const SecretSealer>(new SecretSealer(key.Copy()));
}

SecretSealer::SecretSealer(Secret key)
    : key_(std::move(key)), key_id_(KeyIdOf(key_)) {}

bool SecretSealer::HasSameKeyAs(const SecretSealer& other) const {
  return ConstantTimeEquals(key_.bytes(), other.key_.bytes());
}

Bytes SecretSealer::AdditionalData(std::string_view context) const {
  Bytes data = {kVersion};
  data.insert(data.end(), key_id_.begin(), key_id_.end());
  data.insert(data.end(), context.begin(), context.end());
  return data;
}

absl::StatusOr<Bytes> SecretSealer::Seal(std::string_view context,
                                         const Secret& secret) const {
  const ByteView plain = secret.bytes();
  if (plain.size() > kMaxSecretBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a secret is longer than ", kMaxSecretBytes, " octets"));
  }
  const bssl::UniquePtr<EVP_AEAD_CTX> cipher = MakeContext(key_);
  if (cipher == nullptr) return CryptoError("can't seal a secret");
  Bytes sealed(kHeadBytes + kNonceBytes + plain.size() + kTagBytes);
  sealed[0] = kVersion;
  std::copy(key_id_.begin(), key_id_.end(), sealed.begin() + 1);
  uint8_t* const nonce = sealed.data() + kHeadBytes;
  RAND_bytes(nonce, kNonceBytes);
  const Bytes data = AdditionalData(context);
  size_t size = 0;
  if (!EVP_AEAD_CTX_seal(cipher.get(), nonce + kNonceBytes, &size,
                         plain.size() + kTagBytes, nonce, kNonceBytes,
                         plain.data(), plain.size(), data.data(),
                         data.size())) {
    return CryptoError("can't seal a secret");
  }
  sealed.resize(kHeadBytes + kNonceBytes + size);
  return sealed;
}

absl::StatusOr<Secret> SecretSealer::Open(std::string_view context,
                                          ByteView sealed) const {
  constexpr size_t kOverhead = kHeadBytes + kNonceBytes + kTagBytes;
  if (sealed.size() < kOverhead ||
      sealed.size() > kOverhead + kMaxSecretBytes || sealed[0] != kVersion) {
    return NotOurs();
  }
  if (sealed.subspan(1, kKeyIdBytes) != ByteView(key_id_)) {
    return absl::FailedPreconditionError(
        "a secret of the database is sealed under another seal.key than the "
        "state folder's: put the old one back, or give the user the secret "
        "again");
  }
  const bssl::UniquePtr<EVP_AEAD_CTX> cipher = MakeContext(key_);
  if (cipher == nullptr) return CryptoError("can't open a sealed secret");
  const ByteView nonce = sealed.subspan(kHeadBytes, kNonceBytes);
  const ByteView box = sealed.subspan(kHeadBytes + kNonceBytes);
  const Bytes data = AdditionalData(context);
  // The exact size, so that no copy of the secret is left behind by a resize.
  Bytes plain(box.size() - kTagBytes);
  // Sealing never writes more than that; the buffer has room for all of it.
  size_t size = 0;
  const bool good = EVP_AEAD_CTX_open(
      cipher.get(), plain.data(), &size, plain.size(), nonce.data(),
      nonce.size(), box.data(), box.size(), data.data(), data.size());
  Secret secret(std::move(plain));
  if (!good) {
    // Drains the queue; what is in it says no more than this.
    CryptoError("opening a sealed secret").IgnoreError();
    return NotOurs();
  }
  return secret;
}

}  // namespace bestow::server
