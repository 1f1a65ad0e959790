// What the agent needs of a TPM: make a signing key, sign with it.
#ifndef AGENT_TPM_TPM_H_
#define AGENT_TPM_TPM_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow::agent {

// The owner hierarchy's handle: the parent is the primary that its default
// ECC template derives (TSS2 PRIVATE KEY's way to say so).
inline constexpr uint32_t kParentOwner = 0x40000001;

// A key outside the TPM: nothing in it helps anybody without the TPM that
// made it.
struct TpmKey {
  Bytes public_blob;   // TPM2B_PUBLIC with its size
  Bytes private_blob;  // TPM2B_PRIVATE with its size: encrypted by the parent
  uint32_t parent = kParentOwner;
  bool operator==(const TpmKey&) const = default;
};

// Not thread-safe, and may block for seconds: TpmWorker gives it a thread.
// Errors carry a TpmAction (errors.h). Nothing stays loaded between calls.
class Tpm {
 public:
  virtual ~Tpm() = default;

  // A new P-256 key with kSigningKeyAttributes.
  virtual absl::StatusOr<TpmKey> CreateKey() = 0;

  // ECDSA-Sig-Value over the SHA-256 of `message`. TpmAction::kKeyLost when
  // this TPM did not make the key or was cleared.
  virtual absl::StatusOr<Bytes> Sign(const TpmKey& key, ByteView message) = 0;

  // OK when the TPM answers and can derive the storage primary.
  virtual absl::Status Check() = 0;
};

}  // namespace bestow::agent

#endif  // AGENT_TPM_TPM_H_
