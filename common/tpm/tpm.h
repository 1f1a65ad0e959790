// What we need of a TPM: signing keys, a little decryption, and
// secrets that no other TPM can open.
#ifndef COMMON_TPM_TPM_H_
#define COMMON_TPM_TPM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/crypto/key_type.h"
#include "common/crypto/signer.h"
#include "common/tpm/key_policy.h"

namespace bestow {

// The owner hierarchy's handle: the parent is the primary that its default
// ECC template derives (TSS2 PRIVATE KEY's way to say so).
inline constexpr uint32_t kParentOwner = 0x40000001;

// Persistent objects of the owner's (Part 2, 7.2: those from 0x81800000 on are
// the platform's): a storage root that the platform provisioned.
inline constexpr uint32_t kPersistentFirst = 0x81000000;
inline constexpr uint32_t kPersistentLast = 0x817FFFFF;
constexpr bool IsPersistentParent(uint32_t handle) {
  return handle >= kPersistentFirst && handle <= kPersistentLast;
}

// A key outside the TPM: nothing in it helps anybody without the TPM that
// made it.
struct TpmKey {
  Bytes public_blob;   // TPM2B_PUBLIC with its size
  Bytes private_blob;  // TPM2B_PRIVATE with its size: encrypted by the parent
  uint32_t parent = kParentOwner;
  // The name that the parent had when it made the key; empty: not known. No
  // part of key files.
  Bytes parent_name;
  // Each use has to prove `auth`, which who keeps it puts here: key files say
  // only that there is one.
  bool wants_auth = false;
  std::shared_ptr<const Secret> auth;
  // It works only with these PCRs.
  std::optional<PcrPolicy> pcr_policy;

  // All but `auth`.
  bool operator==(const TpmKey& other) const {
    return public_blob == other.public_blob &&
           private_blob == other.private_blob && parent == other.parent &&
           parent_name == other.parent_name && wants_auth == other.wants_auth &&
           pcr_policy == other.pcr_policy;
  }
};

// As long as the digest of the name algorithm (Part 1, 17.6.4.2).
inline constexpr size_t kMaxAuthBytes = 32;

// What protects a new key beside its storage root. tpm2-openssl uses keys that
// have neither.
struct KeyProtection {
  // 1 to kMaxAuthBytes octets; null: none.
  std::shared_ptr<const Secret> auth;
  // Wrong ones do not count towards the TPM's lockout. Without `auth` nothing
  // does.
  bool no_da = false;
  // Of the SHA-256 bank, ascending: the key works while they are what they are
  // now.
  std::vector<int> pcrs;
};

// A secret outside the TPM, likewise.
struct SealedBlob {
  Bytes public_blob;  // TPM2B_PUBLIC with its size, of a KEYEDHASH object
  Bytes private_blob;
  uint32_t parent = kParentOwner;
  bool operator==(const SealedBlob&) const = default;
};

// What every TPM can seal in one object (MAX_SYM_DATA, Part 2, 11.1.14).
inline constexpr size_t kMaxSealedBytes = 128;

// Not thread-safe, and may block for seconds (an RSA key: tens of them):
// TpmWorker gives it a thread. Errors carry a TpmAction (errors.h).
// TpmAction::kKeyLost: this TPM did not make the key or blob, or was cleared
// since. Nothing stays loaded between calls.
class Tpm {
 public:
  virtual ~Tpm() = default;

  // A new key with kEcKeyAttributes or kRsaKeyAttributes. kUnsupported when
  // this TPM makes no keys of `type` (none makes Ed25519). kInvalidArgument: an
  // empty or too long `auth`.
  virtual absl::StatusOr<TpmKey> CreateKey(KeyType type,
                                           const KeyProtection& protection) = 0;
  absl::StatusOr<TpmKey> CreateKey(KeyType type) { return CreateKey(type, {}); }

  // `algorithm` over `message`, as X.509 and TLS carry it. EC keys sign with
  // their curve's ECDSA, RSA keys with PKCS #1 or PSS, whose salt is as long
  // as the digest (RFC 8446 4.2.3); another algorithm: kInvalidArgument.
  virtual absl::StatusOr<Bytes> Sign(const TpmKey& key,
                                     SignatureAlgorithm algorithm,
                                     ByteView message) = 0;

  // RSAES-OAEP with SHA-256, MGF1 with SHA-256 and no label (RFC 4055 4.1).
  // kInvalidArgument: not an RSA key, or `ciphertext` is not of its size.
  virtual absl::StatusOr<Secret> RsaOaepDecrypt(const TpmKey& key,
                                                ByteView ciphertext) = 0;

  // 1 to kMaxSealedBytes octets, else kInvalidArgument. They go to the TPM
  // and come back encrypted: who listens on the bus learns nothing.
  virtual absl::StatusOr<SealedBlob> Seal(const Secret& secret) = 0;
  virtual absl::StatusOr<Secret> Unseal(const SealedBlob& blob) = 0;

  // OK when the TPM answers and has a storage root for new keys.
  virtual absl::Status Check() = 0;
  // OK when the TPM can load `key`: TpmAction::kKeyLost when it never will.
  virtual absl::Status CheckKey(const TpmKey& key) = 0;
};

}  // namespace bestow

#endif  // COMMON_TPM_TPM_H_
