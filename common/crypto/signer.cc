#include "common/crypto/signer.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/curve25519.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <string_view>
#include <utility>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/crypto/errors.h"

namespace bestow {
namespace {

// RFC 8032 5.1.5: the private key, which BoringSSL keeps before the public one.
constexpr size_t kEd25519SeedBytes = 32;

absl::StatusOr<Bytes> MarshalSpki(const EVP_PKEY* key) {
  bssl::ScopedCBB cbb;
  uint8_t* data = nullptr;
  size_t size = 0;
  if (!CBB_init(cbb.get(), 128) || !EVP_marshal_public_key(cbb.get(), key) ||
      !CBB_finish(cbb.get(), &data, &size)) {
    return CryptoError("encoding a public key");
  }
  const bssl::UniquePtr<uint8_t> owner(data);
  return Bytes(data, data + size);
}

// BoringSSL hashes Ed25519's messages by itself.
const EVP_MD* DigestOf(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kRsaPkcs1Sha256:
    case SignatureAlgorithm::kEcdsaP256Sha256:
    case SignatureAlgorithm::kRsaPssSha256:
      return EVP_sha256();
    case SignatureAlgorithm::kEcdsaP384Sha384:
      return EVP_sha384();
    case SignatureAlgorithm::kEd25519:
      return nullptr;
  }
  return nullptr;
}

absl::StatusOr<Bytes> SignNow(EVP_PKEY* key, SignatureAlgorithm algorithm,
                              ByteView message) {
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* key_context = nullptr;
  size_t size = 0;
  if (!EVP_DigestSignInit(context.get(), &key_context, DigestOf(algorithm),
                          nullptr, key) ||
      (algorithm == SignatureAlgorithm::kRsaPssSha256 &&
       (!EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) ||
        // -1: as long as the digest (RFC 8446 4.2.3).
        !EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, -1))) ||
      !EVP_DigestSign(context.get(), nullptr, &size, message.data(),
                      message.size())) {
    return CryptoError("signing");
  }
  Bytes signature(size);
  if (!EVP_DigestSign(context.get(), signature.data(), &size, message.data(),
                      message.size())) {
    return CryptoError("signing");
  }
  signature.resize(size);
  return signature;
}

bool GenerateEc(int curve, EVP_PKEY* out) {
  bssl::UniquePtr<EC_KEY> key(EC_KEY_new_by_curve_name(curve));
  return key != nullptr && EC_KEY_generate_key(key.get()) &&
         EVP_PKEY_set1_EC_KEY(out, key.get());
}

bool GenerateRsa(int bits, EVP_PKEY* out) {
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  bssl::UniquePtr<RSA> key(RSA_new());
  return exponent != nullptr && key != nullptr &&
         BN_set_word(exponent.get(), RSA_F4) &&
         RSA_generate_key_ex(key.get(), bits, exponent.get(), nullptr) &&
         EVP_PKEY_set1_RSA(out, key.get());
}

bssl::UniquePtr<EVP_PKEY> GenerateEd25519() {
  uint8_t public_key[ED25519_PUBLIC_KEY_LEN];
  uint8_t private_key[ED25519_PRIVATE_KEY_LEN];
  ED25519_keypair(public_key, private_key);
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nullptr, private_key, kEd25519SeedBytes));
  Cleanse(private_key, sizeof(private_key));
  return key;
}

bssl::UniquePtr<EVP_PKEY> GenerateKey(KeyType type) {
  if (type == KeyType::kEd25519) return GenerateEd25519();
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (key == nullptr) return nullptr;
  const auto made = [&] {
    switch (type) {
      case KeyType::kEcP256:
        return GenerateEc(NID_X9_62_prime256v1, key.get());
      case KeyType::kEcP384:
        return GenerateEc(NID_secp384r1, key.get());
      case KeyType::kRsa2048:
        return GenerateRsa(2048, key.get());
      case KeyType::kRsa3072:
        return GenerateRsa(3072, key.get());
      case KeyType::kEd25519:
        break;
    }
    return false;
  };
  return made() ? std::move(key) : nullptr;
}

}  // namespace

SignatureAlgorithm SignatureAlgorithmOf(KeyType type) {
  switch (type) {
    case KeyType::kEcP256:
      return SignatureAlgorithm::kEcdsaP256Sha256;
    case KeyType::kEcP384:
      return SignatureAlgorithm::kEcdsaP384Sha384;
    case KeyType::kRsa2048:
    case KeyType::kRsa3072:
      return SignatureAlgorithm::kRsaPkcs1Sha256;
    case KeyType::kEd25519:
      return SignatureAlgorithm::kEd25519;
  }
  LOG(FATAL) << "no key type: " << static_cast<int>(type);
}

std::vector<SignatureAlgorithm> Signer::tls_algorithms() const {
  if (algorithm() == SignatureAlgorithm::kRsaPkcs1Sha256) {
    return {SignatureAlgorithm::kRsaPssSha256,
            SignatureAlgorithm::kRsaPkcs1Sha256};
  }
  return {algorithm()};
}

absl::Status CheckSignatureAlgorithm(const Signer& signer,
                                     SignatureAlgorithm algorithm) {
  if (algorithm == signer.algorithm()) return absl::OkStatus();
  for (SignatureAlgorithm offered : signer.tls_algorithms()) {
    if (algorithm == offered) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "this key does not sign with the signature scheme 0x",
      absl::Hex(static_cast<uint16_t>(algorithm), absl::kZeroPad4)));
}

absl::StatusOr<Bytes> SignAndWait(Signer& signer, ByteView message) {
  absl::Notification done;
  absl::StatusOr<Bytes> result;
  signer.Sign(signer.algorithm(), message,
              [&](absl::StatusOr<Bytes> signature) {
                result = std::move(signature);
                done.Notify();
              });
  done.WaitForNotification();
  return result;
}

struct SoftwareSigner::Key {
  bssl::UniquePtr<EVP_PKEY> pkey;
};

SoftwareSigner::SoftwareSigner(std::unique_ptr<Key> key, Bytes spki,
                               KeyType type)
    : key_(std::move(key)), spki_(std::move(spki)), type_(type) {}

SoftwareSigner::~SoftwareSigner() = default;

absl::StatusOr<std::unique_ptr<SoftwareSigner>> SoftwareSigner::Create(
    std::unique_ptr<Key> key) {
  absl::StatusOr<Bytes> spki = MarshalSpki(key->pkey.get());
  if (!spki.ok()) return spki.status();
  absl::StatusOr<KeyType> type = KeyTypeOfSpki(*spki);
  if (!type.ok()) return type.status();
  return std::unique_ptr<SoftwareSigner>(
      new SoftwareSigner(std::move(key), *std::move(spki), *type));
}

absl::StatusOr<std::unique_ptr<SoftwareSigner>> SoftwareSigner::Generate(
    KeyType type) {
  auto key = std::make_unique<Key>();
  key->pkey = GenerateKey(type);
  if (key->pkey == nullptr) {
    return CryptoError(
        absl::StrCat("making a key of type ", KeyTypeName(type)));
  }
  return Create(std::move(key));
}

absl::StatusOr<std::unique_ptr<SoftwareSigner>> SoftwareSigner::FromPkcs8Pem(
    const Secret& pem) {
  const bssl::UniquePtr<BIO> bio(
      BIO_new_mem_buf(pem.bytes().data(), pem.bytes().size()));
  char* name = nullptr;
  char* header = nullptr;
  uint8_t* data = nullptr;
  long size = 0;
  if (bio == nullptr ||
      !PEM_read_bio(bio.get(), &name, &header, &data, &size)) {
    return CryptoError("reading a private key's PEM",
                       absl::StatusCode::kInvalidArgument);
  }
  // OPENSSL_free overwrites what it frees.
  const bssl::UniquePtr<char> name_owner(name), header_owner(header);
  const bssl::UniquePtr<uint8_t> data_owner(data);
  if (std::string_view(name) != PEM_STRING_PKCS8INF || header[0] != '\0') {
    return absl::InvalidArgumentError(
        "the PEM is not an unencrypted PKCS#8 PRIVATE KEY");
  }
  return FromPkcs8Der(ByteView(data, static_cast<size_t>(size)));
}

absl::StatusOr<std::unique_ptr<SoftwareSigner>> SoftwareSigner::FromPkcs8Der(
    ByteView der) {
  CBS cbs;
  CBS_init(&cbs, der.data(), der.size());
  auto key = std::make_unique<Key>();
  key->pkey.reset(EVP_parse_private_key(&cbs));
  if (key->pkey == nullptr || CBS_len(&cbs) != 0) {
    return CryptoError("reading a private key",
                       absl::StatusCode::kInvalidArgument);
  }
  return Create(std::move(key));
}

absl::StatusOr<Secret> SoftwareSigner::ToPkcs8Pem() const {
  const bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  const uint8_t* data = nullptr;
  size_t size = 0;
  if (bio == nullptr ||
      !PEM_write_bio_PrivateKey(bio.get(), key_->pkey.get(), nullptr, nullptr,
                                0, nullptr, nullptr) ||
      !BIO_mem_contents(bio.get(), &data, &size)) {
    return CryptoError("writing a private key's PEM");
  }
  return Secret(Bytes(data, data + size));
}

absl::StatusOr<Secret> SoftwareSigner::ToPkcs8Der() const {
  bssl::ScopedCBB cbb;
  uint8_t* data = nullptr;
  size_t size = 0;
  // BoringSSL overwrites what it frees, the buffer's smaller forms as well.
  if (!CBB_init(cbb.get(), 128) ||
      !EVP_marshal_private_key(cbb.get(), key_->pkey.get()) ||
      !CBB_finish(cbb.get(), &data, &size)) {
    return CryptoError("writing a private key");
  }
  const bssl::UniquePtr<uint8_t> owner(data);
  return Secret(Bytes(data, data + size));
}

void SoftwareSigner::Sign(SignatureAlgorithm algorithm, ByteView message,
                          Done done) {
  if (absl::Status s = CheckSignatureAlgorithm(*this, algorithm); !s.ok()) {
    return done(std::move(s));
  }
  done(SignNow(key_->pkey.get(), algorithm, message));
}

}  // namespace bestow
