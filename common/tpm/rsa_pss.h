// RSASSA-PSS as TLS 1.3 wants it, out of TPMs that make it another way.
#ifndef COMMON_TPM_RSA_PSS_H_
#define COMMON_TPM_RSA_PSS_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow {

// TLS 1.3 takes PSS alone from RSA keys, with a salt as long as the digest
// (RFC 8446 4.2.3). TPM2_Sign takes the salt's length from nobody: TPMs that
// follow FIPS 186 use the digest's, others the most that the key has room for
// (TPM 2.0 Part 1, B.7). Which it is shows in the first signature. Where the
// salt is too long, the block is padded here and the TPM computes the bare RSA
// operation (TPM2_RSA_Decrypt without a scheme), which the key must allow.
class RsaPssSigner {
 public:
  // Each gets the digest or the padded block, and gives octets of the key's
  // size. They are called during Sign() alone.
  struct Operations {
    std::function<absl::StatusOr<Bytes>(ByteView digest)> sign_pss;
    std::function<absl::StatusOr<Bytes>(ByteView block)> raw_private;
  };

  // RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 octets, over
  // `message`. What the TPM gave is verified against `spki` before it leaves
  // (a faulty RSA signature can betray the key). kInvalidArgument: `spki` is
  // no RSA key; kInternal: the TPM's signature does not verify; else what
  // raw_private failed with, or sign_pss unless that was TpmAction::kGiveUp (a
  // TPM without PSS).
  absl::StatusOr<Bytes> Sign(ByteView spki, ByteView message,
                             const Operations& operations);

  // True once a TPM could not do it and the padding here could: sign_pss isn't
  // tried again.
  bool pads_here() const { return pads_here_; }

 private:
  bool pads_here_ = false;
};

}  // namespace bestow

#endif  // COMMON_TPM_RSA_PSS_H_
