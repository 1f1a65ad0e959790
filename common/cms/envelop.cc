#include "common/cms/envelop.h"

#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdh.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "common/cms/key_encryption.h"
#include "common/crypto/errors.h"
#include "common/crypto/public_key.h"
#include "common/der/writer.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"

namespace bestow::cms {
namespace {

constexpr size_t kMaxKeyIdentifierBytes = 255;
constexpr size_t kIvBytes = 16;
// RFC 5652 6.1: 0 when all recipients are ktri of version 0, else 2.
constexpr uint64_t kVersionIssuer = 0;
constexpr uint64_t kVersionOther = 2;

using AddIdentifier = std::function<void(der::Writer&)>;

absl::StatusOr<Bytes> Identifier(const AddIdentifier& add) {
  der::Writer writer;
  add(writer);
  return writer.Finish();
}

bssl::UniquePtr<EVP_PKEY> ParseKey(ByteView spki) {
  CBS cbs;
  CBS_init(&cbs, spki.data(), spki.size());
  return bssl::UniquePtr<EVP_PKEY>(EVP_parse_public_key(&cbs));
}

absl::Status TransportKey(EVP_PKEY* recipient, Hash hash, const Secret& key,
                          RecipientInfo* out) {
  out->kind = RecipientInfo::Kind::kKeyTransport;
  absl::StatusOr<Bytes> algorithm =
      Identifier([&](der::Writer& w) { AddOaep(w, hash); });
  if (!algorithm.ok()) return algorithm.status();
  out->algorithm = *std::move(algorithm);
  bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(recipient, nullptr));
  size_t size = 0;
  if (context == nullptr || !EVP_PKEY_encrypt_init(context.get()) ||
      !EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) ||
      !EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), DigestOf(hash)) ||
      !EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), DigestOf(hash)) ||
      !EVP_PKEY_encrypt(context.get(), nullptr, &size, key.bytes().data(),
                        key.bytes().size())) {
    return CryptoError("encrypting a key");
  }
  out->encrypted_key.resize(size);
  if (!EVP_PKEY_encrypt(context.get(), out->encrypted_key.data(), &size,
                        key.bytes().data(), key.bytes().size())) {
    return CryptoError("encrypting a key");
  }
  out->encrypted_key.resize(size);
  return absl::OkStatus();
}

// RFC 5753 3.1.2: ephemeral-static ECDH.
absl::Status AgreeOnKey(EVP_PKEY* recipient,
                        const EnvelopeAlgorithms& algorithms, const Secret& key,
                        RecipientInfo* out) {
  out->kind = RecipientInfo::Kind::kKeyAgreement;
  const EC_KEY* theirs = EVP_PKEY_get0_EC_KEY(recipient);
  const EC_GROUP* group = EC_KEY_get0_group(theirs);
  bssl::UniquePtr<EC_KEY> ephemeral(EC_KEY_new());
  if (ephemeral == nullptr || !EC_KEY_set_group(ephemeral.get(), group) ||
      !EC_KEY_generate_key(ephemeral.get())) {
    return CryptoError("making an ephemeral key");
  }
  const size_t field_bytes = (EC_GROUP_get_degree(group) + 7) / 8;
  Bytes shared(field_bytes);
  const int agreed = ECDH_compute_key(shared.data(), shared.size(),
                                      EC_KEY_get0_public_key(theirs),
                                      ephemeral.get(), nullptr);
  const Secret shared_secret(std::move(shared));
  Bytes point(1 + 2 * field_bytes);
  if (agreed != static_cast<int>(field_bytes) ||
      EC_POINT_point2oct(group, EC_KEY_get0_public_key(ephemeral.get()),
                         POINT_CONVERSION_UNCOMPRESSED, point.data(),
                         point.size(), nullptr) != point.size()) {
    return CryptoError("agreeing on a key");
  }
  out->originator_point = std::move(point);
  // RFC 5753 3.1.1: the parameters SHOULD be absent.
  absl::StatusOr<Bytes> originator = Identifier([](der::Writer& w) {
    w.AddSequence([](der::Writer& id) { id.AddOid(oids::EcPublicKey()); });
  });
  absl::StatusOr<Bytes> algorithm = Identifier([&](der::Writer& w) {
    AddKeyAgreement(w, algorithms.kdf, algorithms.key_wrap);
  });
  if (!originator.ok()) return originator.status();
  if (!algorithm.ok()) return algorithm.status();
  out->originator_algorithm = *std::move(originator);
  out->algorithm = *std::move(algorithm);
  absl::StatusOr<KeyAgreement> agreement = ParseKeyAgreement(out->algorithm);
  if (!agreement.ok()) return agreement.status();
  absl::StatusOr<Secret> kek = DeriveKek(*agreement, out->ukm, shared_secret);
  if (!kek.ok()) return kek.status();
  absl::StatusOr<Bytes> wrapped = WrapKey(*kek, key);
  if (!wrapped.ok()) return wrapped.status();
  out->encrypted_key = *std::move(wrapped);
  return absl::OkStatus();
}

absl::StatusOr<Bytes> Envelop(ByteView content, const der::Oid& content_type,
                              ContentCipher cipher, const Secret& key,
                              uint64_t version, RecipientInfo recipient) {
  EnvelopedData data;
  data.version = version;
  data.recipients.push_back(std::move(recipient));
  data.content_type = content_type;
  data.encryption = {.cipher = cipher, .iv = RandomBytes(kIvBytes)};
  absl::StatusOr<Bytes> ciphertext =
      EncryptContent(data.encryption, key, content);
  if (!ciphertext.ok()) return ciphertext.status();
  data.ciphertext = *std::move(ciphertext);
  return SerializeEnvelopedDataDer(data);
}

}  // namespace

absl::StatusOr<PublicKeyRecipient> RecipientOf(const Certificate& certificate) {
  if (absl::Status s = CheckPublicKeyStrength(certificate.spki); !s.ok()) {
    return s;
  }
  const bssl::UniquePtr<EVP_PKEY> key = ParseKey(certificate.spki);
  if (key == nullptr) return CryptoError("reading a public key");
  const uint32_t needed =
      EVP_PKEY_id(key.get()) == EVP_PKEY_RSA ? kKeyEncipherment : kKeyAgreement;
  if (certificate.key_usage.has_value() &&
      (*certificate.key_usage & needed) == 0) {
    return absl::InvalidArgumentError(
        needed == kKeyEncipherment
            ? "the certificate's keyUsage has no keyEncipherment"
            : "the certificate's keyUsage has no keyAgreement");
  }
  PublicKeyRecipient out;
  out.spki = certificate.spki;
  if (certificate.subject_key_id.empty()) {
    out.id.issuer = certificate.issuer.der();
    out.id.serial = certificate.serial;
  } else {
    out.id.subject_key_id = certificate.subject_key_id;
  }
  return out;
}

absl::StatusOr<Bytes> EnvelopForKek(ByteView content,
                                    const der::Oid& content_type,
                                    const KekRecipient& recipient,
                                    ContentCipher cipher) {
  const std::optional<KeyWrap> wrap =
      KeyWrapOfLength(recipient.key.bytes().size());
  if (!wrap.has_value()) {
    return absl::InvalidArgumentError(
        "CMS: a key-encryption key has 16, 24 or 32 octets");
  }
  if (recipient.key_identifier.empty() ||
      recipient.key_identifier.size() > kMaxKeyIdentifierBytes) {
    return absl::InvalidArgumentError(
        "CMS: a key identifier has 1 to 255 octets");
  }
  RecipientInfo info;
  info.kind = RecipientInfo::Kind::kKek;
  info.kek_identifier = recipient.key_identifier;
  absl::StatusOr<Bytes> algorithm =
      Identifier([&](der::Writer& w) { AddKeyWrap(w, *wrap); });
  if (!algorithm.ok()) return algorithm.status();
  info.algorithm = *std::move(algorithm);
  const Secret key = RandomSecret(KeyBytes(cipher));
  absl::StatusOr<Bytes> wrapped = WrapKey(recipient.key, key);
  if (!wrapped.ok()) return wrapped.status();
  info.encrypted_key = *std::move(wrapped);
  return Envelop(content, content_type, cipher, key, kVersionOther,
                 std::move(info));
}

absl::StatusOr<Bytes> EnvelopForPublicKey(
    ByteView content, const der::Oid& content_type,
    const PublicKeyRecipient& recipient, const EnvelopeAlgorithms& algorithms) {
  if (absl::Status s = CheckPublicKeyStrength(recipient.spki); !s.ok()) {
    return s;
  }
  const bssl::UniquePtr<EVP_PKEY> theirs = ParseKey(recipient.spki);
  if (theirs == nullptr) return CryptoError("reading a public key");
  const bool by_key_id = recipient.id.subject_key_id.has_value();
  if (by_key_id ? recipient.id.subject_key_id->empty()
                : recipient.id.issuer.empty() || recipient.id.serial.empty()) {
    return absl::InvalidArgumentError("CMS: the recipient has no name");
  }
  RecipientInfo info;
  info.id = recipient.id;
  const Secret key = RandomSecret(KeyBytes(algorithms.content));
  const bool is_rsa = EVP_PKEY_id(theirs.get()) == EVP_PKEY_RSA;
  absl::Status status =
      is_rsa ? TransportKey(theirs.get(), algorithms.oaep_hash, key, &info)
             : AgreeOnKey(theirs.get(), algorithms, key, &info);
  if (!status.ok()) return status;
  return Envelop(content, content_type, algorithms.content, key,
                 is_rsa && !by_key_id ? kVersionIssuer : kVersionOther,
                 std::move(info));
}

}  // namespace bestow::cms
