// Opening EnvelopedData, with a pre-shared key or a private key that may sit in
// a TPM.
#ifndef COMMON_CMS_DECRYPT_H_
#define COMMON_CMS_DECRYPT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/cms/algorithm.h"
#include "common/cms/enveloped_data.h"

namespace bestow::cms {

// A private key that decrypts. May block (a TPM), and belongs to one thread.
class KeyDecryptor {
 public:
  virtual ~KeyDecryptor() = default;

  // RSAES-OAEP with MGF1 over the same hash and an empty label (RFC 8017 7.1).
  // kFailedPrecondition: the key can't do this. kPermissionDenied: what was
  // encrypted is not for this key, or was changed. Other errors are the key's.
  virtual absl::StatusOr<Secret> RsaOaepDecrypt(Hash hash,
                                                ByteView ciphertext) = 0;
  // ECDH with the peer's uncompressed point (SEC 1 2.3.3): the shared x, as
  // long as the curve's field. kPermissionDenied: no point of the key's curve.
  virtual absl::StatusOr<Secret> EcdhAgree(ByteView peer_point) = 0;
};

// A key in memory.
class SoftwareKeyDecryptor : public KeyDecryptor {
 public:
  // PKCS#8 of an RSA, P-256 or P-384 key; kInvalidArgument otherwise.
  static absl::StatusOr<std::unique_ptr<SoftwareKeyDecryptor>> FromPkcs8Der(
      ByteView der);
  ~SoftwareKeyDecryptor() override;
  absl::StatusOr<Secret> RsaOaepDecrypt(Hash hash,
                                        ByteView ciphertext) override;
  absl::StatusOr<Secret> EcdhAgree(ByteView peer_point) override;

 private:
  struct Key;
  explicit SoftwareKeyDecryptor(std::unique_ptr<Key> key);
  std::unique_ptr<Key> key_;
};

// The content, of data.content_type. kNotFound: no recipient of this name that
// can be opened. kPermissionDenied: another key, or the message was changed
// (EnvelopedData can't tell which; nor is it authenticated: sign what is in
// it). Other errors are the decryptor's.
absl::StatusOr<Secret> DecryptWithKek(const EnvelopedData& data,
                                      ByteView key_identifier,
                                      const Secret& kek);
absl::StatusOr<Secret> DecryptWithPrivateKey(const EnvelopedData& data,
                                             const RecipientNames& names,
                                             KeyDecryptor& key);

}  // namespace bestow::cms

#endif  // COMMON_CMS_DECRYPT_H_
