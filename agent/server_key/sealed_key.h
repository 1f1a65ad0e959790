// A private key on disk that one TPM can open: the format of key.sealed.
#ifndef AGENT_SERVER_KEY_SEALED_KEY_H_
#define AGENT_SERVER_KEY_SEALED_KEY_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/tpm/tpm.h"

namespace bestow::agent {

// A TPM seals 128 octets and a private key has more, so that the TPM seals an
// AES key and that encrypts the PKCS#8:
//
// SealedKey ::= SEQUENCE {
//   version     INTEGER (1),
//   wrappingKey TPMKey,        -- sealed data (tss2_key_file.h): an AES-256 key
//   nonce       OCTET STRING (SIZE (12)),
//   ciphertext  OCTET STRING } -- AES-256-GCM with its tag of 16 octets; the
//                              -- additional data is wrappingKey's DER
//
// Each AES key encrypts once.
struct SealedKey {
  SealedBlob wrapping_key;
  Bytes nonce;
  Bytes ciphertext;
  bool operator==(const SealedKey&) const = default;
};

// Of a private key in PKCS#8: RSA of 4096 bits has 2.4 kB.
inline constexpr size_t kMaxPkcs8Bytes = 8 * 1024;

// kInvalidArgument: not one DER SealedKey, trailing bytes, another version, or
// a size that is not one of the above. NOT checked: anything that needs the
// TPM.
absl::StatusOr<SealedKey> ParseSealedKeyDer(ByteView der);
absl::StatusOr<Bytes> SerializeSealedKeyDer(const SealedKey& key);
// One "BESTOW SEALED KEY" PEM block.
absl::StatusOr<SealedKey> ParseSealedKeyPem(std::string_view pem);
absl::StatusOr<std::string> SerializeSealedKeyPem(const SealedKey& key);

// Under a fresh AES key. kInvalidArgument: empty, or over kMaxPkcs8Bytes; else
// the TPM's error.
absl::StatusOr<SealedKey> SealPrivateKey(Tpm& tpm, const Secret& pkcs8);
// kDataLoss: it was changed since; else the TPM's error (TpmAction::kKeyLost
// for another TPM's).
absl::StatusOr<Secret> UnsealPrivateKey(Tpm& tpm, const SealedKey& key);

}  // namespace bestow::agent

#endif  // AGENT_SERVER_KEY_SEALED_KEY_H_
