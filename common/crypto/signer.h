// A private key that may sit in a file, a TPM, or another process.
#ifndef COMMON_CRYPTO_SIGNER_H_
#define COMMON_CRYPTO_SIGNER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/crypto/key_type.h"

namespace bestow {

// The values are TLS SignatureScheme code points (RFC 8446 4.2.3), which
// BoringSSL's SSL_SIGN_* share. In certificates and requests a curve and its
// hash go together as in TLS 1.3.
enum class SignatureAlgorithm : uint16_t {
  kRsaPkcs1Sha256 = 0x0401,
  kEcdsaP256Sha256 = 0x0403,
  kEcdsaP384Sha384 = 0x0503,
  kRsaPssSha256 = 0x0804,  // salt: 32 octets, MGF1: SHA-256
  kEd25519 = 0x0807,
};

// What certificates and requests are signed with by such a key.
SignatureAlgorithm SignatureAlgorithmOf(KeyType type);

// Thread-safe.
class Signer {
 public:
  // Called exactly once, on any thread, perhaps before Sign() returns.
  // The value is the signature as X.509 and TLS carry it (an ECDSA-Sig-Value
  // for EC keys).
  using Done = std::function<void(absl::StatusOr<Bytes>)>;

  virtual ~Signer() = default;

  // DER SubjectPublicKeyInfo of the key; lives as long as the signer.
  virtual const Bytes& public_key_spki() const = 0;
  // For certificates, requests and CMS: kRsaPkcs1Sha256 for RSA keys, which
  // every client in the field verifies.
  virtual SignatureAlgorithm algorithm() const = 0;
  // What TLS may ask for, best first. RSA: PSS, then PKCS #1 (TLS 1.3 takes PSS
  // alone, 1.2 either); else algorithm() alone.
  virtual std::vector<SignatureAlgorithm> tls_algorithms() const;

  // Signs `message` itself; the hash belongs to the algorithm. `message` is
  // copied. Never blocks the caller for the time of a slow key. An `algorithm`
  // that is none of the above gives kInvalidArgument through `done`.
  virtual void Sign(SignatureAlgorithm algorithm, ByteView message,
                    Done done) = 0;
};

// OK when it is algorithm() or among tls_algorithms(), kInvalidArgument
// otherwise: for those who implement Sign().
absl::Status CheckSignatureAlgorithm(const Signer& signer,
                                     SignatureAlgorithm algorithm);

// Signs with algorithm(). Blocks until Sign() is done: not for a loop's thread
// unless the key is a file's.
absl::StatusOr<Bytes> SignAndWait(Signer& signer, ByteView message);

// A key in memory, for the CA, the server's TLS, keys that /serverkeygen makes,
// and tests. Cleansed when it goes.
class SoftwareSigner : public Signer {
 public:
  // RSA takes up to seconds: not for a loop's thread.
  static absl::StatusOr<std::unique_ptr<SoftwareSigner>> Generate(
      KeyType type = KeyType::kEcP256);
  // Unencrypted PKCS#8, as PEM ("PRIVATE KEY") or DER. kInvalidArgument for
  // anything that is not a whole key of some KeyType.
  static absl::StatusOr<std::unique_ptr<SoftwareSigner>> FromPkcs8Pem(
      const Secret& pem);
  static absl::StatusOr<std::unique_ptr<SoftwareSigner>> FromPkcs8Der(
      ByteView der);

  ~SoftwareSigner() override;
  absl::StatusOr<Secret> ToPkcs8Pem() const;
  // PrivateKeyInfo, version 1 (RFC 5958 2), which every reader takes.
  absl::StatusOr<Secret> ToPkcs8Der() const;

  KeyType type() const { return type_; }
  const Bytes& public_key_spki() const override { return spki_; }
  SignatureAlgorithm algorithm() const override {
    return SignatureAlgorithmOf(type_);
  }
  // Signs at once and calls `done` before it returns.
  void Sign(SignatureAlgorithm algorithm, ByteView message, Done done) override;

 private:
  struct Key;
  static absl::StatusOr<std::unique_ptr<SoftwareSigner>> Create(
      std::unique_ptr<Key> key);
  SoftwareSigner(std::unique_ptr<Key> key, Bytes spki, KeyType type);
  std::unique_ptr<Key> key_;
  Bytes spki_;
  KeyType type_;
};

}  // namespace bestow

#endif  // COMMON_CRYPTO_SIGNER_H_
