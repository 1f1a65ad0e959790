#include "common/pki/pbes2.h"

#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/errors.h"
#include "common/der/oid.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow {
namespace {

constexpr char kPbes2[] = "1.2.840.113549.1.5.13";
constexpr char kPbkdf2[] = "1.2.840.113549.1.5.12";
constexpr char kScrypt[] = "1.3.6.1.4.1.11591.4.11";
struct NamedPrf {
  Pbkdf2::Prf prf;
  const char* oid;
  const EVP_MD* (*digest)();
};
constexpr std::array<NamedPrf, 4> kPrfs = {{
    {Pbkdf2::Prf::kHmacSha1, "1.2.840.113549.2.7", EVP_sha1},
    {Pbkdf2::Prf::kHmacSha256, "1.2.840.113549.2.9", EVP_sha256},
    {Pbkdf2::Prf::kHmacSha384, "1.2.840.113549.2.10", EVP_sha384},
    {Pbkdf2::Prf::kHmacSha512, "1.2.840.113549.2.11", EVP_sha512},
}};
struct NamedCipher {
  Pbes2::Cipher cipher;
  const char* oid;
  const EVP_CIPHER* (*evp)();
};
constexpr std::array<NamedCipher, 3> kCiphers = {{
    {Pbes2::Cipher::kAes128Cbc, "2.16.840.1.101.3.4.1.2", EVP_aes_128_cbc},
    {Pbes2::Cipher::kAes256Cbc, "2.16.840.1.101.3.4.1.42", EVP_aes_256_cbc},
    {Pbes2::Cipher::kDesEde3Cbc, "1.2.840.113549.3.7", EVP_des_ede3_cbc},
}};

constexpr uint64_t kIterations = 600'000;
constexpr size_t kSaltBytes = 16;
constexpr size_t kMaxSaltBytes = 128;
constexpr size_t kBlockBytes = 16;  // AES

absl::Status Malformed() {
  return absl::InvalidArgumentError(
      "the encryption under a passphrase is malformed");
}

absl::Status TooMuchWork(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      what, " asks for more work than a passphrase is worth: refused"));
}

const NamedPrf& Named(Pbkdf2::Prf prf) {
  return kPrfs[static_cast<size_t>(prf)];
}
const NamedCipher& Named(Pbes2::Cipher cipher) {
  return kCiphers[static_cast<size_t>(cipher)];
}

// AlgorithmIdentifier ::= SEQUENCE { algorithm OID, parameters ANY }
bool ExpectAlgorithm(der::Reader* reader, std::string* oid,
                     der::Reader* parameters) {
  ByteView id;
  if (!reader->ExpectSequence(parameters) || !parameters->ExpectOid(&id)) {
    return false;
  }
  *oid = der::OidToDotted(id);
  return true;
}

bool ExpectSalt(der::Reader* reader, Bytes* salt) {
  ByteView content;
  if (!reader->ExpectOctetString(&content) || content.empty() ||
      content.size() > kMaxSaltBytes) {
    return false;
  }
  *salt = ToBytes(content);
  return true;
}

// keyLength INTEGER (1..MAX) OPTIONAL: the cipher's.
bool MatchKeyLength(der::Reader* reader, const NamedCipher& cipher) {
  if (!reader->NextIs(CBS_ASN1_INTEGER)) return true;
  uint64_t length = 0;
  return reader->ExpectUint(&length) &&
         length == EVP_CIPHER_key_length(cipher.evp());
}

absl::Status CheckPbkdf2(const Pbkdf2& kdf) {
  if (kdf.iterations == 0) return Malformed();
  if (kdf.iterations > kMaxPbkdf2Iterations) {
    return TooMuchWork(absl::StrCat("an iteration count of ", kdf.iterations));
  }
  return absl::OkStatus();
}

// PBKDF2-params ::= SEQUENCE {
//   salt CHOICE { specified OCTET STRING, otherSource AlgorithmIdentifier },
//   iterationCount INTEGER (1..MAX),
//   keyLength INTEGER (1..MAX) OPTIONAL,
//   prf AlgorithmIdentifier DEFAULT algid-hmacWithSHA1 }
absl::StatusOr<Pbkdf2> ReadPbkdf2(der::Reader parameters,
                                  const NamedCipher& cipher) {
  Pbkdf2 kdf;
  der::Reader fields, prf;
  if (!parameters.ExpectSequence(&fields) || !parameters.Finish() ||
      !ExpectSalt(&fields, &kdf.salt) || !fields.ExpectUint(&kdf.iterations) ||
      !MatchKeyLength(&fields, cipher)) {
    return Malformed();
  }
  kdf.prf = Pbkdf2::Prf::kHmacSha1;
  if (!fields.empty()) {
    std::string oid;
    if (!ExpectAlgorithm(&fields, &oid, &prf) || !fields.Finish() ||
        !prf.ExpectNull() || !prf.Finish()) {
      return Malformed();
    }
    const NamedPrf* found = nullptr;
    for (const NamedPrf& named : kPrfs) {
      if (oid == named.oid) found = &named;
    }
    if (found == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "PBKDF2 with ", oid, " is not read, HMAC with SHA-1 or SHA-2 is"));
    }
    kdf.prf = found->prf;
  }
  absl::Status status = CheckPbkdf2(kdf);
  if (!status.ok()) return status;
  return kdf;
}

absl::Status CheckScrypt(const Scrypt& kdf) {
  // RFC 7914 6: N is a power of two and less than 2^(128 * r / 8).
  if (kdf.n < 2 || (kdf.n & (kdf.n - 1)) != 0 || kdf.r == 0 || kdf.p == 0 ||
      (kdf.r < 4 && kdf.n >= uint64_t{1} << (16 * kdf.r))) {
    return Malformed();
  }
  // By division: no product can overflow.
  const uint64_t blocks = kMaxScryptBytes / 128 / kdf.r;
  if (kdf.n > blocks || kdf.p > blocks - kdf.n ||
      kdf.p > kMaxScryptBlocks / (kdf.n * kdf.r)) {
    return TooMuchWork(
        absl::StrCat("scrypt with N=", kdf.n, ", r=", kdf.r, ", p=", kdf.p));
  }
  return absl::OkStatus();
}

// scrypt-params ::= SEQUENCE { salt OCTET STRING,
//   costParameter INTEGER (1..MAX), blockSize INTEGER (1..MAX),
//   parallelizationParameter INTEGER (1..MAX),
//   keyLength INTEGER (1..MAX) OPTIONAL }
absl::StatusOr<Scrypt> ReadScrypt(der::Reader parameters,
                                  const NamedCipher& cipher) {
  Scrypt kdf;
  der::Reader fields;
  if (!parameters.ExpectSequence(&fields) || !parameters.Finish() ||
      !ExpectSalt(&fields, &kdf.salt) || !fields.ExpectUint(&kdf.n) ||
      !fields.ExpectUint(&kdf.r) || !fields.ExpectUint(&kdf.p) ||
      !MatchKeyLength(&fields, cipher) || !fields.Finish()) {
    return Malformed();
  }
  absl::Status status = CheckScrypt(kdf);
  if (!status.ok()) return status;
  return kdf;
}

absl::StatusOr<Secret> DeriveKey(const Pbes2& scheme,
                                 const Secret& passphrase) {
  Bytes key(EVP_CIPHER_key_length(Named(scheme.cipher).evp()));
  const char* text = reinterpret_cast<const char*>(passphrase.bytes().data());
  const size_t size = passphrase.bytes().size();
  int derived = 0;
  if (const Pbkdf2* kdf = std::get_if<Pbkdf2>(&scheme.kdf); kdf != nullptr) {
    absl::Status status = CheckPbkdf2(*kdf);
    if (!status.ok()) return status;
    derived =
        PKCS5_PBKDF2_HMAC(text, size, kdf->salt.data(), kdf->salt.size(),
                          static_cast<unsigned>(kdf->iterations),
                          Named(kdf->prf).digest(), key.size(), key.data());
  } else {
    const Scrypt& scrypt = std::get<Scrypt>(scheme.kdf);
    absl::Status status = CheckScrypt(scrypt);
    if (!status.ok()) return status;
    // Its own limit counts one block of 128 * r more.
    derived = EVP_PBE_scrypt(text, size, scrypt.salt.data(), scrypt.salt.size(),
                             scrypt.n, scrypt.r, scrypt.p, 2 * kMaxScryptBytes,
                             key.data(), key.size());
  }
  if (!derived) return CryptoError("deriving a key from a passphrase");
  return Secret(std::move(key));
}

// The whole of `in` through the cipher; empty on failure (of the padding).
Bytes RunCipher(const Pbes2& scheme, const Secret& key, ByteView in,
                bool encrypt) {
  bssl::ScopedEVP_CIPHER_CTX context;
  Bytes out(in.size() + kBlockBytes);
  int done = 0, last = 0;
  if (!EVP_CipherInit_ex(context.get(), Named(scheme.cipher).evp(), nullptr,
                         key.bytes().data(), scheme.iv.data(), encrypt) ||
      !EVP_CipherUpdate(context.get(), out.data(), &done, in.data(),
                        static_cast<int>(in.size())) ||
      !EVP_CipherFinal_ex(context.get(), out.data() + done, &last)) {
    Cleanse(out.data(), out.size());
    ERR_clear_error();
    return {};
  }
  Bytes exact(out.begin(), out.begin() + done + last);
  Cleanse(out.data(), out.size());
  return exact;
}

}  // namespace

Pbes2 NewPbes2() {
  Pbkdf2 kdf{Bytes(kSaltBytes), kIterations, Pbkdf2::Prf::kHmacSha256};
  RAND_bytes(kdf.salt.data(), kdf.salt.size());
  Pbes2 scheme{std::move(kdf), Pbes2::Cipher::kAes256Cbc, Bytes(kBlockBytes)};
  RAND_bytes(scheme.iv.data(), scheme.iv.size());
  return scheme;
}

absl::StatusOr<Pbes2> ParsePbes2Der(ByteView algorithm) {
  // PBES2-params ::= SEQUENCE { keyDerivationFunc AlgorithmIdentifier,
  //   encryptionScheme AlgorithmIdentifier }
  der::Reader reader(algorithm), outer, fields, kdf, encryption;
  std::string scheme_oid, kdf_oid, cipher_oid;
  if (!ExpectAlgorithm(&reader, &scheme_oid, &outer) || !reader.Finish()) {
    return Malformed();
  }
  if (scheme_oid != kPbes2) {
    return absl::InvalidArgumentError(
        absl::StrCat("encryption by ", scheme_oid,
                     " is not read, PBES2 is: `openssl pkcs8 -topk8` writes "
                     "it"));
  }
  ByteView iv;
  if (!outer.ExpectSequence(&fields) || !outer.Finish() ||
      !ExpectAlgorithm(&fields, &kdf_oid, &kdf) ||
      !ExpectAlgorithm(&fields, &cipher_oid, &encryption) || !fields.Finish()) {
    return Malformed();
  }
  const NamedCipher* cipher = nullptr;
  for (const NamedCipher& named : kCiphers) {
    if (cipher_oid == named.oid) cipher = &named;
  }
  if (cipher == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the cipher ", cipher_oid,
        " is not read, AES-128, AES-256 and 3DES in CBC mode are"));
  }
  // AES-IV ::= OCTET STRING (SIZE(16)) (RFC 3565 2.1), 3DES: SIZE(8)
  if (!encryption.ExpectOctetString(&iv) || !encryption.Finish() ||
      iv.size() != EVP_CIPHER_iv_length(cipher->evp())) {
    return Malformed();
  }
  Pbes2 scheme{Pbkdf2(), cipher->cipher, ToBytes(iv)};
  if (kdf_oid == kPbkdf2) {
    absl::StatusOr<Pbkdf2> read = ReadPbkdf2(kdf, *cipher);
    if (!read.ok()) return read.status();
    scheme.kdf = *std::move(read);
  } else if (kdf_oid == kScrypt) {
    absl::StatusOr<Scrypt> read = ReadScrypt(kdf, *cipher);
    if (!read.ok()) return read.status();
    scheme.kdf = *std::move(read);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "keys derived by ", kdf_oid, " are not read, PBKDF2 and scrypt are"));
  }
  return scheme;
}

absl::StatusOr<Bytes> SerializePbes2Der(const Pbes2& scheme) {
  const auto add_kdf = [&](der::Writer& kdf) {
    if (const Pbkdf2* pbkdf2 = std::get_if<Pbkdf2>(&scheme.kdf);
        pbkdf2 != nullptr) {
      kdf.AddOid(der::OidLiteral(kPbkdf2));
      kdf.AddSequence([&](der::Writer& fields) {
        fields.AddOctetString(pbkdf2->salt);
        fields.AddUint(pbkdf2->iterations);
        if (pbkdf2->prf == Pbkdf2::Prf::kHmacSha1) return;  // the default
        fields.AddSequence([&](der::Writer& prf) {
          prf.AddOid(der::OidLiteral(Named(pbkdf2->prf).oid));
          prf.AddNull();
        });
      });
      return;
    }
    const Scrypt& scrypt = std::get<Scrypt>(scheme.kdf);
    kdf.AddOid(der::OidLiteral(kScrypt));
    kdf.AddSequence([&](der::Writer& fields) {
      fields.AddOctetString(scrypt.salt);
      fields.AddUint(scrypt.n);
      fields.AddUint(scrypt.r);
      fields.AddUint(scrypt.p);
    });
  };
  der::Writer writer;
  writer.AddSequence([&](der::Writer& outer) {
    outer.AddOid(der::OidLiteral(kPbes2));
    outer.AddSequence([&](der::Writer& fields) {
      fields.AddSequence(add_kdf);
      fields.AddSequence([&](der::Writer& encryption) {
        encryption.AddOid(der::OidLiteral(Named(scheme.cipher).oid));
        encryption.AddOctetString(scheme.iv);
      });
    });
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> Pbes2Encrypt(const Pbes2& scheme,
                                   const Secret& passphrase, ByteView content) {
  absl::StatusOr<Secret> key = DeriveKey(scheme, passphrase);
  if (!key.ok()) return key.status();
  Bytes out = RunCipher(scheme, *key, content, /*encrypt=*/true);
  if (out.empty()) return absl::InternalError("can't encrypt");
  return out;
}

absl::StatusOr<Secret> Pbes2Decrypt(const Pbes2& scheme,
                                    const Secret& passphrase,
                                    ByteView ciphertext) {
  const size_t block = EVP_CIPHER_block_size(Named(scheme.cipher).evp());
  if (ciphertext.empty() || ciphertext.size() % block != 0) {
    return absl::InvalidArgumentError("what is encrypted is not whole blocks");
  }
  absl::StatusOr<Secret> key = DeriveKey(scheme, passphrase);
  if (!key.ok()) return key.status();
  Bytes out = RunCipher(scheme, *key, ciphertext, /*encrypt=*/false);
  if (out.empty())
    return absl::PermissionDeniedError("the passphrase is wrong");
  return Secret(std::move(out));
}

}  // namespace bestow
