// The primitives under EnvelopedData: AES key wrap, the ANSI X9.63 key
// derivation of RFC 5753, AES-CBC.
#ifndef COMMON_CMS_KEY_ENCRYPTION_H_
#define COMMON_CMS_KEY_ENCRYPTION_H_

#include <openssl/base.h>

#include <optional>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/cms/algorithm.h"

namespace bestow::cms {

const EVP_MD* DigestOf(Hash hash);
Bytes Digest(Hash hash, ByteView data);
Bytes RandomBytes(size_t size);
// `size` random octets that are nobody else's.
Secret RandomSecret(size_t size);

// RFC 3394. `kek`: 16, 24 or 32 octets; `key`: a multiple of 8, at least 16;
// kInvalidArgument otherwise.
absl::StatusOr<Bytes> WrapKey(const Secret& kek, const Secret& key);
// kPermissionDenied: another key-encryption key, or changed, or of such a
// length that it can't be a wrapped key.
absl::StatusOr<Secret> UnwrapKey(const Secret& kek, ByteView wrapped);

// SEC 1 3.6.1 with the DER of ECC-CMS-SharedInfo (RFC 5753 7.2): the
// key-encryption key of `agreement`.
absl::StatusOr<Secret> DeriveKek(const KeyAgreement& agreement,
                                 const std::optional<Bytes>& ukm,
                                 const Secret& shared_secret);
// The function itself.
absl::StatusOr<Secret> X963Kdf(Hash hash, const Secret& shared_secret,
                               ByteView shared_info, size_t size);

// With the padding of RFC 5652 6.3. The key has the cipher's length.
absl::StatusOr<Bytes> EncryptContent(const ContentEncryption& encryption,
                                     const Secret& key, ByteView content);
// kPermissionDenied: another key, or changed.
absl::StatusOr<Secret> DecryptContent(const ContentEncryption& encryption,
                                      const Secret& key, ByteView ciphertext);

// The one answer for whatever does not decrypt: it has to tell nothing.
absl::Status CanNotDecrypt();

}  // namespace bestow::cms

#endif  // COMMON_CMS_KEY_ENCRYPTION_H_
