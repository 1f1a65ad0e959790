#include "agent/server_key/sealed_key.h"

#include <openssl/aead.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/pem.h"
#include "common/tpm/tss2_key_file.h"

namespace bestow::agent {
namespace {

constexpr std::string_view kLabel = "BESTOW SEALED KEY";
constexpr uint64_t kVersion = 1;
constexpr size_t kAesKeyBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("not a sealed key: ", why));
}

// What the ciphertext is bound to.
absl::StatusOr<Bytes> AdditionalData(const SealedKey& key) {
  return SerializeTss2SealedDer(key.wrapping_key);
}

}  // namespace

absl::StatusOr<SealedKey> ParseSealedKeyDer(ByteView der) {
  der::Reader input(der);
  der::Reader in;
  if (!input.ExpectSequence(&in) || !input.Finish()) {
    return Malformed("not one DER SEQUENCE");
  }
  uint64_t version = 0;
  if (!in.ExpectUint(&version) || version != kVersion) {
    return Malformed("version");
  }
  ByteView wrapping_key, nonce, ciphertext;
  if (!in.ExpectElement(CBS_ASN1_SEQUENCE, &wrapping_key)) {
    return Malformed("wrappingKey");
  }
  auto blob = ParseTss2SealedDer(wrapping_key);
  if (!blob.ok()) return Malformed(blob.status().message());
  // The octets are what the ciphertext is bound to: only our own spelling.
  auto same = SerializeTss2SealedDer(*blob);
  if (!same.ok() || ByteView(*same) != wrapping_key) {
    return Malformed("wrappingKey has more than is needed");
  }
  if (!in.ExpectOctetString(&nonce) || nonce.size() != kNonceBytes) {
    return Malformed("nonce");
  }
  if (!in.ExpectOctetString(&ciphertext) || !in.Finish() ||
      ciphertext.size() <= kTagBytes ||
      ciphertext.size() > kMaxPkcs8Bytes + kTagBytes) {
    return Malformed("ciphertext");
  }
  return SealedKey{.wrapping_key = *std::move(blob),
                   .nonce = ToBytes(nonce),
                   .ciphertext = ToBytes(ciphertext)};
}

absl::StatusOr<Bytes> SerializeSealedKeyDer(const SealedKey& key) {
  auto wrapping_key = SerializeTss2SealedDer(key.wrapping_key);
  if (!wrapping_key.ok()) return wrapping_key.status();
  der::Writer writer;
  writer.AddSequence([&](der::Writer& out) {
    out.AddUint(kVersion);
    out.AddElement(*wrapping_key);
    out.AddOctetString(key.nonce);
    out.AddOctetString(key.ciphertext);
  });
  return writer.Finish();
}

absl::StatusOr<SealedKey> ParseSealedKeyPem(std::string_view pem) {
  auto blocks = ParsePem(pem, 1);
  if (!blocks.ok()) return Malformed(blocks.status().message());
  if (blocks->empty() || blocks->front().label != kLabel) {
    return Malformed(absl::StrCat("no ", kLabel, " block"));
  }
  return ParseSealedKeyDer(blocks->front().content);
}

absl::StatusOr<std::string> SerializeSealedKeyPem(const SealedKey& key) {
  auto der = SerializeSealedKeyDer(key);
  if (!der.ok()) return der.status();
  return SerializePem(kLabel, *der);
}

absl::StatusOr<SealedKey> SealPrivateKey(Tpm& tpm, const Secret& pkcs8) {
  const ByteView plain = pkcs8.bytes();
  if (plain.empty() || plain.size() > kMaxPkcs8Bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a private key to seal has 1 to ", kMaxPkcs8Bytes, " octets"));
  }
  Bytes aes_octets(kAesKeyBytes);
  RAND_bytes(aes_octets.data(), aes_octets.size());
  const Secret aes(std::move(aes_octets));
  auto blob = tpm.Seal(aes);
  if (!blob.ok()) return blob.status();
  SealedKey out{.wrapping_key = *std::move(blob), .nonce = Bytes(kNonceBytes)};
  RAND_bytes(out.nonce.data(), out.nonce.size());
  auto additional = AdditionalData(out);
  if (!additional.ok()) return additional.status();
  out.ciphertext.resize(plain.size() + kTagBytes);
  size_t size = 0;
  bssl::ScopedEVP_AEAD_CTX ctx;
  if (EVP_AEAD_CTX_init(ctx.get(), EVP_aead_aes_256_gcm(), aes.bytes().data(),
                        aes.bytes().size(), kTagBytes, nullptr) != 1 ||
      EVP_AEAD_CTX_seal(ctx.get(), out.ciphertext.data(), &size,
                        out.ciphertext.size(), out.nonce.data(),
                        out.nonce.size(), plain.data(), plain.size(),
                        additional->data(), additional->size()) != 1) {
    ERR_clear_error();
    return absl::InternalError("can't encrypt the private key");
  }
  out.ciphertext.resize(size);
  return out;
}

absl::StatusOr<Secret> UnsealPrivateKey(Tpm& tpm, const SealedKey& key) {
  auto aes = tpm.Unseal(key.wrapping_key);
  if (!aes.ok()) return aes.status();
  auto additional = AdditionalData(key);
  if (!additional.ok()) return additional.status();
  const absl::Status changed =
      absl::DataLossError("the sealed key was changed since it was sealed");
  if (aes->bytes().size() != kAesKeyBytes) return changed;
  Bytes plain(key.ciphertext.size());
  size_t size = 0;
  bssl::ScopedEVP_AEAD_CTX ctx;
  if (EVP_AEAD_CTX_init(ctx.get(), EVP_aead_aes_256_gcm(), aes->bytes().data(),
                        aes->bytes().size(), kTagBytes, nullptr) != 1 ||
      EVP_AEAD_CTX_open(ctx.get(), plain.data(), &size, plain.size(),
                        key.nonce.data(), key.nonce.size(),
                        key.ciphertext.data(), key.ciphertext.size(),
                        additional->data(), additional->size()) != 1) {
    ERR_clear_error();
    return changed;
  }
  plain.resize(size);
  return Secret(std::move(plain));
}

}  // namespace bestow::agent
