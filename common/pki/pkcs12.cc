#include "common/pki/pkcs12.h"

#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/pkcs8.h>
#include <openssl/stack.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/errors.h"
#include "common/der/oid.h"
#include "common/der/reader.h"
#include "common/pki/pbes2.h"

namespace bestow {
namespace {

constexpr size_t kMaxBytes = size_t{256} << 10;
constexpr int kMaxBags = 32;
constexpr uint64_t kVersion = 3;
constexpr der::Tag kContentTag =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr der::Tag kEncryptedContentTag = CBS_ASN1_CONTEXT_SPECIFIC | 0;
constexpr char kData[] = "1.2.840.113549.1.7.1";
constexpr char kEncryptedData[] = "1.2.840.113549.1.7.6";
constexpr char kShroudedKeyBag[] = "1.2.840.113549.1.12.10.1.2";
constexpr char kPkcs12Pbe[] = "1.2.840.113549.1.12.1.";
constexpr char kPbes2[] = "1.2.840.113549.1.5.13";

absl::Status Malformed() {
  return absl::InvalidArgumentError(
      "the PKCS#12 is malformed, or BER that is not DER, which `openssl pkcs12 "
      "-in FILE -noenc` reads too");
}

// Follows the structure down to the parameters of every key derivation that a
// reader with the right passphrase would do.
class WorkCheck {
 public:
  absl::Status Pfx(ByteView der) {
    // PFX ::= SEQUENCE { version INTEGER {v3(3)}, authSafe ContentInfo,
    //   macData MacData OPTIONAL }
    der::Reader reader(der), pfx, mac;
    uint64_t version = 0;
    std::string type;
    der::Reader content;
    if (!reader.ExpectSequence(&pfx) || !reader.Finish() ||
        !pfx.ExpectUint(&version) || version != kVersion ||
        !ContentInfo(&pfx, &type, &content)) {
      return Malformed();
    }
    if (type != kData || pfx.empty()) {
      return absl::InvalidArgumentError(
          "the PKCS#12 has no MAC under a passphrase");
    }
    ByteView safes;
    if (!pfx.ExpectSequence(&mac) || !pfx.Finish() ||
        !content.ExpectOctetString(&safes) || !content.Finish()) {
      return Malformed();
    }
    absl::Status status = MacData(mac);
    return status.ok() ? AuthenticatedSafe(safes) : status;
  }

 private:
  // ContentInfo ::= SEQUENCE { contentType OID, content [0] EXPLICIT ANY }
  static bool ContentInfo(der::Reader* reader, std::string* type,
                          der::Reader* content) {
    der::Reader fields;
    ByteView oid;
    if (!reader->ExpectSequence(&fields) || !fields.ExpectOid(&oid) ||
        !fields.Expect(kContentTag, content) || !fields.Finish()) {
      return false;
    }
    *type = der::OidToDotted(oid);
    return true;
  }

  absl::Status Add(uint64_t iterations) {
    if (iterations == 0) return Malformed();
    // Neither can overflow: the sum stays below the limit.
    if (iterations > kMaxPbkdf2Iterations - iterations_) {
      return absl::InvalidArgumentError(
          absl::StrCat("an iteration count of ", iterations,
                       " asks for more work than a passphrase is worth: "
                       "refused"));
    }
    iterations_ += iterations;
    return absl::OkStatus();
  }

  // MacData ::= SEQUENCE { mac DigestInfo, macSalt OCTET STRING,
  //   iterations INTEGER DEFAULT 1 }
  absl::Status MacData(der::Reader mac) {
    ByteView salt;
    uint64_t iterations = 1;
    if (!mac.Skip(CBS_ASN1_SEQUENCE) || !mac.ExpectOctetString(&salt) ||
        (!mac.empty() && !mac.ExpectUint(&iterations)) || !mac.Finish()) {
      return Malformed();
    }
    return Add(iterations);
  }

  // AuthenticatedSafe ::= SEQUENCE OF ContentInfo
  absl::Status AuthenticatedSafe(ByteView der) {
    der::Reader reader(der), list;
    if (!reader.ExpectSequence(&list) || !reader.Finish()) return Malformed();
    while (!list.empty()) {
      std::string type;
      der::Reader content;
      if (++bags_ > kMaxBags || !ContentInfo(&list, &type, &content)) {
        return Malformed();
      }
      absl::Status status = absl::OkStatus();
      if (type == kData) {
        ByteView contents;
        if (!content.ExpectOctetString(&contents) || !content.Finish()) {
          return Malformed();
        }
        status = SafeContents(contents);
      } else if (type == kEncryptedData) {
        status = EncryptedData(content);
      } else {
        return absl::InvalidArgumentError(
            absl::StrCat("the PKCS#12 is encrypted to a certificate (", type,
                         "), not under a passphrase"));
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // EncryptedData ::= SEQUENCE { version INTEGER, encryptedContentInfo
  //   SEQUENCE { contentType OID, contentEncryptionAlgorithm
  //   AlgorithmIdentifier, encryptedContent [0] IMPLICIT OCTET STRING } }
  absl::Status EncryptedData(der::Reader content) {
    der::Reader fields, info;
    uint64_t version = 0;
    ByteView type, algorithm;
    if (!content.ExpectSequence(&fields) || !content.Finish() ||
        !fields.ExpectUint(&version) || !fields.ExpectSequence(&info) ||
        !fields.Finish() || !info.ExpectOid(&type) ||
        !info.ExpectElement(CBS_ASN1_SEQUENCE, &algorithm) ||
        !info.Skip(kEncryptedContentTag) || !info.Finish()) {
      return Malformed();
    }
    return Encryption(algorithm);
  }

  // SafeContents ::= SEQUENCE OF SafeBag; SafeBag ::= SEQUENCE { bagId OID,
  //   bagValue [0] EXPLICIT ANY, bagAttributes SET OPTIONAL }
  absl::Status SafeContents(ByteView der) {
    der::Reader reader(der), list;
    if (!reader.ExpectSequence(&list) || !reader.Finish()) return Malformed();
    while (!list.empty()) {
      der::Reader bag, value, key;
      ByteView id, algorithm;
      if (++bags_ > kMaxBags || !list.ExpectSequence(&bag) ||
          !bag.ExpectOid(&id) || !bag.Expect(kContentTag, &value) ||
          (!bag.empty() && !bag.Skip(CBS_ASN1_SET)) || !bag.Finish()) {
        return Malformed();
      }
      if (der::OidToDotted(id) != kShroudedKeyBag) continue;
      if (!value.ExpectSequence(&key) || !value.Finish() ||
          !key.ExpectElement(CBS_ASN1_SEQUENCE, &algorithm)) {
        return Malformed();
      }
      absl::Status status = Encryption(algorithm);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Encryption(ByteView algorithm) {
    der::Reader reader(algorithm), fields, parameters;
    ByteView id, salt;
    uint64_t iterations = 0;
    if (!reader.ExpectSequence(&fields) || !fields.ExpectOid(&id)) {
      return Malformed();
    }
    const std::string dotted = der::OidToDotted(id);
    if (dotted == kPbes2) {
      absl::StatusOr<Pbes2> scheme = ParsePbes2Der(algorithm);
      if (!scheme.ok()) return scheme.status();
      const Pbkdf2* kdf = std::get_if<Pbkdf2>(&scheme->kdf);
      // scrypt is bounded by itself, and BoringSSL's reader has none.
      return Add(kdf == nullptr ? 1 : kdf->iterations);
    }
    if (!absl::StartsWith(dotted, kPkcs12Pbe)) {
      return absl::InvalidArgumentError(
          absl::StrCat("encryption by ", dotted, " is not read"));
    }
    // pkcs-12PbeParams ::= SEQUENCE { salt OCTET STRING, iterations INTEGER }
    if (!fields.ExpectSequence(&parameters) || !fields.Finish() ||
        !parameters.ExpectOctetString(&salt) ||
        !parameters.ExpectUint(&iterations) || !parameters.Finish()) {
      return Malformed();
    }
    return Add(iterations);
  }

  uint64_t iterations_ = 0;
  int bags_ = 0;
};

absl::StatusOr<Secret> MarshalKey(const EVP_PKEY* key) {
  bssl::ScopedCBB cbb;
  uint8_t* data = nullptr;
  size_t size = 0;
  // BoringSSL overwrites what it frees.
  if (!CBB_init(cbb.get(), 128) || !EVP_marshal_private_key(cbb.get(), key) ||
      !CBB_finish(cbb.get(), &data, &size)) {
    return CryptoError("writing a private key");
  }
  const bssl::UniquePtr<uint8_t> owner(data);
  return Secret(Bytes(data, data + size));
}

absl::StatusOr<Certificate> ReadCertificate(X509* certificate) {
  uint8_t* data = nullptr;
  const int size = i2d_X509(certificate, &data);
  if (size <= 0) return CryptoError("writing a certificate");
  const bssl::UniquePtr<uint8_t> owner(data);
  return ParseCertificateDer(ByteView(data, static_cast<size_t>(size)));
}

}  // namespace

absl::Status CheckPkcs12Der(ByteView der) {
  if (der.size() > kMaxBytes) {
    return absl::InvalidArgumentError("the PKCS#12 is longer than 256 KiB");
  }
  return WorkCheck().Pfx(der);
}

absl::StatusOr<Pkcs12Contents> ParsePkcs12Der(ByteView der,
                                              const Secret& passphrase) {
  absl::Status status = CheckPkcs12Der(der);
  if (!status.ok()) return status;
  if (passphrase.text().find('\0') != std::string_view::npos) {
    return absl::PermissionDeniedError("the passphrase has a NUL in it");
  }
  // C's string, for BoringSSL.
  Bytes terminated = ToBytes(passphrase.bytes());
  terminated.push_back(0);
  const Secret text(std::move(terminated));
  CBS cbs;
  CBS_init(&cbs, der.data(), der.size());
  EVP_PKEY* raw_key = nullptr;
  const bssl::UniquePtr<STACK_OF(X509)> stack(sk_X509_new_null());
  const int read =
      stack == nullptr
          ? 0
          : PKCS12_get_key_and_certs(
                &raw_key, stack.get(), &cbs,
                reinterpret_cast<const char*>(text.bytes().data()));
  const bssl::UniquePtr<EVP_PKEY> key(raw_key);
  if (!read) {
    const uint32_t error = ERR_peek_error();
    const bool denied = ERR_GET_LIB(error) == ERR_LIB_PKCS8 &&
                        ERR_GET_REASON(error) == PKCS8_R_INCORRECT_PASSWORD;
    if (!denied) {
      return CryptoError("reading the PKCS#12",
                         absl::StatusCode::kInvalidArgument);
    }
    ERR_clear_error();
    return absl::PermissionDeniedError(
        "the passphrase is wrong, or the file is damaged");
  }
  if (key == nullptr) {
    return absl::InvalidArgumentError("there is no private key in the PKCS#12");
  }
  Pkcs12Contents contents;
  absl::StatusOr<Secret> private_key = MarshalKey(key.get());
  if (!private_key.ok()) return private_key.status();
  contents.private_key = *std::move(private_key);
  for (size_t i = 0; i < sk_X509_num(stack.get()); ++i) {
    absl::StatusOr<Certificate> certificate =
        ReadCertificate(sk_X509_value(stack.get(), i));
    if (!certificate.ok()) return certificate.status();
    contents.certificates.push_back(*std::move(certificate));
  }
  return contents;
}

}  // namespace bestow
