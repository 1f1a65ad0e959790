#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/errors.h"
#include "common/crypto/public_key.h"
#include "common/der/oid.h"
#include "common/der/reader.h"

namespace bestow {
namespace {

constexpr der::Tag kContext = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;
constexpr std::string_view kRsassaPss = "1.2.840.113549.1.1.10";
constexpr std::string_view kMgf1 = "1.2.840.113549.1.1.8";

struct Algorithm {
  std::string_view oid;
  int key_type;
  const EVP_MD* (*digest)();
  bool is_pss = false;
};
constexpr Algorithm kAlgorithms[] = {
    {"1.2.840.10045.4.3.2", EVP_PKEY_EC, EVP_sha256},
    {"1.2.840.10045.4.3.3", EVP_PKEY_EC, EVP_sha384},
    {"1.2.840.10045.4.3.4", EVP_PKEY_EC, EVP_sha512},
    {"1.2.840.113549.1.1.11", EVP_PKEY_RSA, EVP_sha256},
    {"1.2.840.113549.1.1.12", EVP_PKEY_RSA, EVP_sha384},
    {"1.2.840.113549.1.1.13", EVP_PKEY_RSA, EVP_sha512},
    {"1.3.101.112", EVP_PKEY_ED25519, nullptr},
};
// By the hash in their parameters.
constexpr Algorithm kPssAlgorithms[] = {
    {"2.16.840.1.101.3.4.2.1", EVP_PKEY_RSA, EVP_sha256, true},
    {"2.16.840.1.101.3.4.2.2", EVP_PKEY_RSA, EVP_sha384, true},
    {"2.16.840.1.101.3.4.2.3", EVP_PKEY_RSA, EVP_sha512, true},
};

// A hash's AlgorithmIdentifier: NULL or no parameters (RFC 4055 2.1).
bool ExpectHash(der::Reader* reader, std::string* dotted) {
  der::Reader fields;
  ByteView oid;
  if (!reader->ExpectSequence(&fields) || !fields.ExpectOid(&oid)) return false;
  *dotted = der::OidToDotted(oid);
  return fields.empty() || (fields.ExpectNull() && fields.Finish());
}

// RSASSA-PSS-params ::= SEQUENCE {
//   hashAlgorithm [0], maskGenAlgorithm [1], saltLength [2], trailerField [3]
//   DEFAULT 1 }
// The defaults of the first three are SHA-1's: they have to be there. RFC 4055
// 3.1 asks to take an explicit trailerField of 1.
const Algorithm* FindPss(der::Reader* fields) {
  der::Reader params, hash_field, mask_field, mask, salt_field, trailer_field;
  std::string hash, mask_hash;
  ByteView mask_oid;
  uint64_t salt = 0, trailer = 1;
  bool has_trailer = false;
  if (!fields->ExpectSequence(&params) || !fields->Finish() ||
      !params.Expect(kContext | 0, &hash_field) ||
      !ExpectHash(&hash_field, &hash) || !hash_field.Finish() ||
      !params.Expect(kContext | 1, &mask_field) ||
      !mask_field.ExpectSequence(&mask) || !mask_field.Finish() ||
      !mask.ExpectOid(&mask_oid) || der::OidToDotted(mask_oid) != kMgf1 ||
      !ExpectHash(&mask, &mask_hash) || !mask.Finish() || mask_hash != hash ||
      !params.Expect(kContext | 2, &salt_field) ||
      !salt_field.ExpectUint(&salt) || !salt_field.Finish() ||
      !params.Match(kContext | 3, &trailer_field, &has_trailer) ||
      (has_trailer &&
       (!trailer_field.ExpectUint(&trailer) || !trailer_field.Finish())) ||
      trailer != 1 || !params.Finish()) {
    return nullptr;
  }
  for (const Algorithm& algorithm : kPssAlgorithms) {
    if (algorithm.oid == hash && salt == EVP_MD_size(algorithm.digest())) {
      return &algorithm;
    }
  }
  return nullptr;
}

// AlgorithmIdentifier ::= SEQUENCE { algorithm OID, parameters ANY OPTIONAL }
// ECDSA and Ed25519 have no parameters (RFC 5758 3.2, RFC 8410 3). RSA has
// NULL, and a reader takes their absence too (RFC 4055 5).
absl::StatusOr<const Algorithm*> FindAlgorithm(ByteView algorithm_identifier) {
  der::Reader reader(algorithm_identifier), fields;
  ByteView content;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !fields.ExpectOid(&content)) {
    return absl::InvalidArgumentError("the AlgorithmIdentifier is malformed");
  }
  const std::string dotted = der::OidToDotted(content);
  if (dotted == kRsassaPss) {
    const Algorithm* algorithm = FindPss(&fields);
    if (algorithm != nullptr) return algorithm;
    return absl::InvalidArgumentError(
        "RSASSA-PSS is taken with SHA-256, SHA-384 or SHA-512, MGF1 of the "
        "same hash and a salt as long as the digest");
  }
  for (const Algorithm& algorithm : kAlgorithms) {
    if (algorithm.oid != dotted) continue;
    const bool is_well_formed =
        fields.empty() || (algorithm.key_type == EVP_PKEY_RSA &&
                           fields.ExpectNull() && fields.Finish());
    if (is_well_formed) return &algorithm;
    return absl::InvalidArgumentError(
        absl::StrCat("signature algorithm ", dotted, " has odd parameters"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("signature algorithm ", dotted, " is not taken"));
}

}  // namespace

absl::Status VerifySignature(ByteView algorithm_identifier, ByteView spki,
                             ByteView message, ByteView signature) {
  absl::StatusOr<const Algorithm*> algorithm =
      FindAlgorithm(algorithm_identifier);
  if (!algorithm.ok()) return algorithm.status();
  CBS cbs;
  CBS_init(&cbs, spki.data(), spki.size());
  const bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&cbs));
  if (key == nullptr || CBS_len(&cbs) != 0) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "the public key is malformed, off its curve, or of an unknown type");
  }
  if (EVP_PKEY_id(key.get()) != (*algorithm)->key_type) {
    return absl::InvalidArgumentError(
        "the signature algorithm does not fit the key");
  }
  // Ed25519 hashes by itself.
  const EVP_MD* digest =
      (*algorithm)->digest == nullptr ? nullptr : (*algorithm)->digest();
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* key_context = nullptr;
  if (!EVP_DigestVerifyInit(context.get(), &key_context, digest, nullptr,
                            key.get()) ||
      ((*algorithm)->is_pss &&
       (!EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) ||
        // -1: as long as the digest.
        !EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, -1)))) {
    return CryptoError("preparing to verify");
  }
  if (!EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                        message.data(), message.size())) {
    ERR_clear_error();
    return absl::PermissionDeniedError("the signature is wrong");
  }
  return absl::OkStatus();
}

}  // namespace bestow
