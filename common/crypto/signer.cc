#include "common/crypto/signer.h"

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>

#include <optional>
#include <string_view>
#include <utility>

#include "absl/synchronization/notification.h"
#include "common/crypto/errors.h"

namespace bestow {
namespace {

bool IsP256(const EVP_PKEY* key) {
  if (EVP_PKEY_id(key) != EVP_PKEY_EC) return false;
  const EC_GROUP* group = EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key));
  return EC_GROUP_get_curve_name(group) == NID_X9_62_prime256v1;
}

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

absl::StatusOr<Bytes> SignNow(EVP_PKEY* key, ByteView message) {
  bssl::ScopedEVP_MD_CTX context;
  size_t size = 0;
  if (!EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) ||
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

}  // namespace

absl::StatusOr<Bytes> SignAndWait(Signer& signer, ByteView message) {
  absl::Notification done;
  absl::StatusOr<Bytes> result;
  signer.Sign(message, [&](absl::StatusOr<Bytes> signature) {
    result = std::move(signature);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

struct SoftwareSigner::Key {
  bssl::UniquePtr<EVP_PKEY> pkey;
};

SoftwareSigner::SoftwareSigner(std::unique_ptr<Key> key, Bytes spki)
    : key_(std::move(key)), spki_(std::move(spki)) {}

SoftwareSigner::~SoftwareSigner() = default;

absl::StatusOr<std::unique_ptr<SoftwareSigner>> SoftwareSigner::Generate() {
  bssl::UniquePtr<EC_KEY> ec_key(
      EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  auto key = std::make_unique<Key>();
  key->pkey.reset(EVP_PKEY_new());
  if (ec_key == nullptr || key->pkey == nullptr ||
      !EC_KEY_generate_key(ec_key.get()) ||
      !EVP_PKEY_set1_EC_KEY(key->pkey.get(), ec_key.get())) {
    return CryptoError("making a P-256 key");
  }
  absl::StatusOr<Bytes> spki = MarshalSpki(key->pkey.get());
  if (!spki.ok()) return spki.status();
  return std::unique_ptr<SoftwareSigner>(
      new SoftwareSigner(std::move(key), *std::move(spki)));
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
  CBS cbs;
  CBS_init(&cbs, data, size);
  auto key = std::make_unique<Key>();
  key->pkey.reset(EVP_parse_private_key(&cbs));
  if (key->pkey == nullptr || CBS_len(&cbs) != 0) {
    return CryptoError("reading a private key",
                       absl::StatusCode::kInvalidArgument);
  }
  if (!IsP256(key->pkey.get())) {
    return absl::InvalidArgumentError("the private key is not a P-256 key");
  }
  absl::StatusOr<Bytes> spki = MarshalSpki(key->pkey.get());
  if (!spki.ok()) return spki.status();
  return std::unique_ptr<SoftwareSigner>(
      new SoftwareSigner(std::move(key), *std::move(spki)));
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

void SoftwareSigner::Sign(ByteView message, Done done) {
  done(SignNow(key_->pkey.get(), message));
}

}  // namespace bestow
