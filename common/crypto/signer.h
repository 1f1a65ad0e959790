// A private key that may sit in a file, a TPM, or another process.
#ifndef COMMON_CRYPTO_SIGNER_H_
#define COMMON_CRYPTO_SIGNER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"

namespace bestow {

// The values are TLS SignatureScheme code points (RFC 8446 4.2.3), which
// BoringSSL's SSL_SIGN_* share.
enum class SignatureAlgorithm : uint16_t {
  kEcdsaP256Sha256 = 0x0403,
};

// Thread-safe. Keys are P-256 for now.
class Signer {
 public:
  // Called exactly once, on any thread, perhaps before Sign() returns.
  // The value is the signature as X.509 and TLS carry it (ECDSA-Sig-Value).
  using Done = std::function<void(absl::StatusOr<Bytes>)>;

  virtual ~Signer() = default;

  // DER SubjectPublicKeyInfo of the key; lives as long as the signer.
  virtual const Bytes& public_key_spki() const = 0;
  virtual SignatureAlgorithm algorithm() const = 0;

  // Signs `message` itself; the hash belongs to the algorithm. `message` is
  // copied. Never blocks the caller for the time of a slow key.
  virtual void Sign(ByteView message, Done done) = 0;
};

// Blocks until Sign() is done. Not for a loop's thread unless the key is a
// file's.
absl::StatusOr<Bytes> SignAndWait(Signer& signer, ByteView message);

// A P-256 key in memory, for the CA, the server's TLS and tests.
class SoftwareSigner : public Signer {
 public:
  static absl::StatusOr<std::unique_ptr<SoftwareSigner>> Generate();
  // Unencrypted PKCS#8 PEM ("PRIVATE KEY"). kInvalidArgument for anything
  // that is not a P-256 key.
  static absl::StatusOr<std::unique_ptr<SoftwareSigner>> FromPkcs8Pem(
      const Secret& pem);

  ~SoftwareSigner() override;
  absl::StatusOr<Secret> ToPkcs8Pem() const;

  const Bytes& public_key_spki() const override { return spki_; }
  SignatureAlgorithm algorithm() const override {
    return SignatureAlgorithm::kEcdsaP256Sha256;
  }
  // Signs at once and calls `done` before it returns.
  void Sign(ByteView message, Done done) override;

 private:
  struct Key;
  SoftwareSigner(std::unique_ptr<Key> key, Bytes spki);
  std::unique_ptr<Key> key_;
  Bytes spki_;
};

}  // namespace bestow

#endif  // COMMON_CRYPTO_SIGNER_H_
