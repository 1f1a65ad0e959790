// A key that is bound to what the machine booted: its PCR policy.
#ifndef COMMON_TPM_KEY_POLICY_H_
#define COMMON_TPM_KEY_POLICY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow {

inline constexpr uint32_t kCommandPolicyPcr = 0x0000017F;  // TPM_CC
inline constexpr uint32_t kCommandPolicyAuthValue = 0x0000016B;

inline constexpr int kLastPcr = 23;

// TPM2_PolicyPCR (TPM 2.0 Part 3, 23.7) over PCRs of the SHA-256 bank: the key
// can be used while they have the values of `digest` (SHA-256 over all of
// them, in order).
struct PcrPolicy {
  std::vector<int> pcrs;  // ascending, 0 to 23, at least one
  Bytes digest;           // 32 octets
  bool operator==(const PcrPolicy&) const = default;
};

// "sha256:7" or "sha256:0,2,4,7", as tpm2-tools write it. kInvalidArgument:
// another bank, none, a number over 23 or one twice.
absl::StatusOr<std::vector<int>> ParsePcrList(std::string_view text);
std::string PcrListText(const std::vector<int>& pcrs);

// What the policy hashes, and what key files call its CommandPolicy:
// TPML_PCR_SELECTION, and the digest without a size. kInvalidArgument when
// reading what is not one selection of the SHA-256 bank with a digest.
Bytes SerializePcrPolicy(const PcrPolicy& policy);
absl::StatusOr<PcrPolicy> ParsePcrPolicy(ByteView octets);

// The key's authPolicy: PolicyPCR, and PolicyAuthValue when it has a password
// as well.
Bytes PolicyDigest(const PcrPolicy& policy, bool with_auth);

}  // namespace bestow

#endif  // COMMON_TPM_KEY_POLICY_H_
