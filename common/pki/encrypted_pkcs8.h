// Private keys under a passphrase: PKCS#8's EncryptedPrivateKeyInfo (RFC 5958
// 3), "ENCRYPTED PRIVATE KEY" in PEM.
#ifndef COMMON_PKI_ENCRYPTED_PKCS8_H_
#define COMMON_PKI_ENCRYPTED_PKCS8_H_

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/pki/pbes2.h"

namespace bestow {

struct EncryptedPrivateKeyInfo {
  Bytes algorithm;  // DER AlgorithmIdentifier
  Pbes2 scheme;     // what it says
  Bytes encrypted;
};

// kInvalidArgument: not one DER EncryptedPrivateKeyInfo, trailing bytes, a
// scheme that ParsePbes2Der refuses, over 64 KiB. No key is derived yet.
absl::StatusOr<EncryptedPrivateKeyInfo> ParseEncryptedPrivateKeyInfoDer(
    ByteView der);
// From `algorithm` and `encrypted`: what ParseEncryptedPrivateKeyInfoDer took.
absl::StatusOr<Bytes> SerializeEncryptedPrivateKeyInfoDer(
    const EncryptedPrivateKeyInfo& key);

// The DER PrivateKeyInfo inside. kPermissionDenied: the passphrase is wrong, or
// the file damaged, which can't be told apart. Blocks for the time of the key
// derivation. NOT checked: whether the octets are a key of their algorithm.
absl::StatusOr<Secret> DecryptPrivateKeyInfo(const EncryptedPrivateKeyInfo& key,
                                             const Secret& passphrase);
// `key`: a DER PrivateKeyInfo. The DER EncryptedPrivateKeyInfo, which openssl
// reads. kInvalidArgument: the passphrase is empty.
absl::StatusOr<Bytes> EncryptPrivateKeyInfo(const Secret& key,
                                            const Secret& passphrase,
                                            const Pbes2& scheme);

}  // namespace bestow

#endif  // COMMON_PKI_ENCRYPTED_PKCS8_H_
