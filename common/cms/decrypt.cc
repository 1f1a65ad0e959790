#include "common/cms/decrypt.h"

#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdh.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <utility>

#include "absl/status/status.h"
#include "common/cms/key_encryption.h"
#include "common/crypto/errors.h"
#include "common/crypto/signer.h"

namespace bestow::cms {
namespace {

absl::Status NoRecipient() {
  return absl::NotFoundError("CMS: no recipient is this key");
}

absl::StatusOr<Secret> ContentKey(const RecipientInfo& info,
                                  KeyDecryptor& key) {
  if (info.kind == RecipientInfo::Kind::kKeyTransport) {
    absl::StatusOr<Hash> hash = ParseOaep(info.algorithm);
    if (!hash.ok()) return hash.status();
    return key.RsaOaepDecrypt(*hash, info.encrypted_key);
  }
  absl::StatusOr<KeyAgreement> agreement = ParseKeyAgreement(info.algorithm);
  if (!agreement.ok()) return agreement.status();
  absl::StatusOr<Secret> shared = key.EcdhAgree(info.originator_point);
  if (!shared.ok()) return shared.status();
  absl::StatusOr<Secret> kek = DeriveKek(*agreement, info.ukm, *shared);
  if (!kek.ok()) return kek.status();
  return UnwrapKey(*kek, info.encrypted_key);
}

}  // namespace

struct SoftwareKeyDecryptor::Key {
  bssl::UniquePtr<EVP_PKEY> pkey;
};

SoftwareKeyDecryptor::SoftwareKeyDecryptor(std::unique_ptr<Key> key)
    : key_(std::move(key)) {}
SoftwareKeyDecryptor::~SoftwareKeyDecryptor() = default;

absl::StatusOr<std::unique_ptr<SoftwareKeyDecryptor>>
SoftwareKeyDecryptor::FromPkcs8Der(ByteView der) {
  // Judges type and size, whose rules are the same.
  auto signer = SoftwareSigner::FromPkcs8Der(der);
  if (!signer.ok()) return signer.status();
  if ((*signer)->type() == KeyType::kEd25519) {
    return absl::InvalidArgumentError("an Ed25519 key does not decrypt");
  }
  CBS cbs;
  CBS_init(&cbs, der.data(), der.size());
  auto key = std::make_unique<Key>();
  key->pkey.reset(EVP_parse_private_key(&cbs));
  if (key->pkey == nullptr) return CryptoError("reading a private key");
  return std::unique_ptr<SoftwareKeyDecryptor>(
      new SoftwareKeyDecryptor(std::move(key)));
}

absl::StatusOr<Secret> SoftwareKeyDecryptor::RsaOaepDecrypt(
    Hash hash, ByteView ciphertext) {
  if (EVP_PKEY_id(key_->pkey.get()) != EVP_PKEY_RSA) {
    return absl::FailedPreconditionError("the key is no RSA key");
  }
  bssl::UniquePtr<EVP_PKEY_CTX> context(
      EVP_PKEY_CTX_new(key_->pkey.get(), nullptr));
  if (context == nullptr || !EVP_PKEY_decrypt_init(context.get()) ||
      !EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) ||
      !EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), DigestOf(hash)) ||
      !EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), DigestOf(hash))) {
    return CryptoError("preparing to decrypt");
  }
  Bytes out(EVP_PKEY_size(key_->pkey.get()));
  size_t size = out.size();
  const bool ok = EVP_PKEY_decrypt(context.get(), out.data(), &size,
                                   ciphertext.data(), ciphertext.size());
  Secret plain(Bytes(out.begin(), out.begin() + (ok ? size : 0)));
  Cleanse(out.data(), out.size());
  if (!ok) return CanNotDecrypt();
  return plain;
}

absl::StatusOr<Secret> SoftwareKeyDecryptor::EcdhAgree(ByteView peer_point) {
  if (EVP_PKEY_id(key_->pkey.get()) != EVP_PKEY_EC) {
    return absl::FailedPreconditionError("the key is no EC key");
  }
  const EC_KEY* ours = EVP_PKEY_get0_EC_KEY(key_->pkey.get());
  const EC_GROUP* group = EC_KEY_get0_group(ours);
  bssl::UniquePtr<EC_POINT> theirs(EC_POINT_new(group));
  // EC_POINT_oct2point refuses what is off the curve.
  if (theirs == nullptr || peer_point.empty() ||
      peer_point[0] != POINT_CONVERSION_UNCOMPRESSED ||
      !EC_POINT_oct2point(group, theirs.get(), peer_point.data(),
                          peer_point.size(), nullptr)) {
    return CanNotDecrypt();
  }
  Bytes shared((EC_GROUP_get_degree(group) + 7) / 8);
  const int size = ECDH_compute_key(shared.data(), shared.size(), theirs.get(),
                                    ours, nullptr);
  Secret out(std::move(shared));
  if (size != static_cast<int>(out.bytes().size())) {
    return CryptoError("agreeing on a key");
  }
  return out;
}

absl::StatusOr<Secret> DecryptWithKek(const EnvelopedData& data,
                                      ByteView key_identifier,
                                      const Secret& kek) {
  absl::Status status = NoRecipient();
  for (const RecipientInfo& info : data.recipients) {
    if (info.kind != RecipientInfo::Kind::kKek ||
        info.kek_identifier != ToBytes(key_identifier)) {
      continue;
    }
    absl::StatusOr<KeyWrap> wrap = ParseKeyWrap(info.algorithm);
    if (!wrap.ok() || KeyBytes(*wrap) != kek.bytes().size()) {
      status = CanNotDecrypt();
      continue;
    }
    absl::StatusOr<Secret> key = UnwrapKey(kek, info.encrypted_key);
    if (key.ok()) return DecryptContent(data.encryption, *key, data.ciphertext);
    status = key.status();
  }
  return status;
}

absl::StatusOr<Secret> DecryptWithPrivateKey(const EnvelopedData& data,
                                             const RecipientNames& names,
                                             KeyDecryptor& key) {
  absl::Status status = NoRecipient();
  for (const RecipientInfo& info : data.recipients) {
    const bool has_private_key =
        info.kind == RecipientInfo::Kind::kKeyTransport ||
        info.kind == RecipientInfo::Kind::kKeyAgreement;
    if (!has_private_key || !Matches(info.id, names)) continue;
    absl::StatusOr<Secret> content_key = ContentKey(info, key);
    if (content_key.ok()) {
      return DecryptContent(data.encryption, *content_key, data.ciphertext);
    }
    status = content_key.status();
  }
  return status;
}

}  // namespace bestow::cms
