// What a key may be used for, before any TPM is asked.
#ifndef COMMON_TPM_KEY_USE_H_
#define COMMON_TPM_KEY_USE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/tpm/tpm.h"

namespace bestow {

// The key's SPKI when it signs with `algorithm`, kInvalidArgument otherwise.
absl::StatusOr<Bytes> CheckCanSign(const TpmKey& key,
                                   SignatureAlgorithm algorithm);

// kInvalidArgument: a password that is empty or longer than kMaxAuthBytes, PCRs
// that are none or not in order.
absl::Status CheckProtection(const KeyProtection& protection);

// OK for an RSA key that decrypts, and octets of its size; kInvalidArgument
// otherwise.
absl::Status CheckCanDecrypt(const TpmKey& key, ByteView ciphertext);

}  // namespace bestow

#endif  // COMMON_TPM_KEY_USE_H_
