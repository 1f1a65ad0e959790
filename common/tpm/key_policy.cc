#include "common/tpm/key_policy.h"

#include <openssl/bytestring.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/crypto/public_key.h"

namespace bestow {
namespace {

constexpr int kPcrs = kLastPcr + 1;
constexpr size_t kSelectBytes = kPcrs / 8;
constexpr uint16_t kAlgSha256 = 0x000B;
constexpr size_t kDigestBytes = 32;

void Put(Bytes* out, size_t octets, uint32_t value) {
  while (octets-- > 0)
    out->push_back(static_cast<uint8_t>(value >> 8 * octets));
}

Bytes Extend(ByteView digest, uint32_t command, ByteView parameters) {
  Bytes input = ToBytes(digest);
  Put(&input, 4, command);
  input.insert(input.end(), parameters.begin(), parameters.end());
  const Sha256Digest out = Sha256(input);
  return Bytes(out.begin(), out.end());
}

}  // namespace

absl::StatusOr<std::vector<int>> ParsePcrList(std::string_view text) {
  const absl::Status wrong = absl::InvalidArgumentError(
      "must be such as \"sha256:7\" or \"sha256:0,2,7\": PCRs 0 to 23, each "
      "once");
  if (!absl::ConsumePrefix(&text, "sha256:")) return wrong;
  std::vector<int> out;
  for (std::string_view part : absl::StrSplit(text, ',')) {
    int pcr;
    if (part.size() > 2 || !absl::SimpleAtoi(part, &pcr) || pcr < 0 ||
        pcr >= kPcrs) {
      return wrong;
    }
    out.push_back(pcr);
  }
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end()) return wrong;
  return out;
}

std::string PcrListText(const std::vector<int>& pcrs) {
  return absl::StrCat("sha256:", absl::StrJoin(pcrs, ","));
}

// TPML_PCR_SELECTION ::= count, TPMS_PCR_SELECTION: hash, sizeofSelect,
// pcrSelect (Part 2, 10.6.2).
Bytes SerializePcrPolicy(const PcrPolicy& policy) {
  Bytes out;
  Put(&out, 4, 1);
  Put(&out, 2, kAlgSha256);
  Put(&out, 1, kSelectBytes);
  uint8_t select[kSelectBytes] = {};
  for (int pcr : policy.pcrs) {
    select[pcr / 8] |= static_cast<uint8_t>(1 << pcr % 8);
  }
  out.insert(out.end(), select, select + kSelectBytes);
  out.insert(out.end(), policy.digest.begin(), policy.digest.end());
  return out;
}

absl::StatusOr<PcrPolicy> ParsePcrPolicy(ByteView octets) {
  CBS in;
  CBS_init(&in, octets.data(), octets.size());
  uint32_t count;
  uint16_t hash;
  CBS select;
  PcrPolicy out;
  if (!CBS_get_u32(&in, &count) || count != 1 || !CBS_get_u16(&in, &hash) ||
      hash != kAlgSha256 || !CBS_get_u8_length_prefixed(&in, &select) ||
      CBS_len(&select) != kSelectBytes || CBS_len(&in) != kDigestBytes) {
    return absl::InvalidArgumentError(
        "the policy is not over PCRs of the SHA-256 bank");
  }
  for (int pcr = 0; pcr < kPcrs; ++pcr) {
    if ((CBS_data(&select)[pcr / 8] & 1 << pcr % 8) != 0) {
      out.pcrs.push_back(pcr);
    }
  }
  if (out.pcrs.empty()) {
    return absl::InvalidArgumentError("the policy is over no PCR");
  }
  out.digest.assign(CBS_data(&in), CBS_data(&in) + CBS_len(&in));
  return out;
}

Bytes PolicyDigest(const PcrPolicy& policy, bool with_auth) {
  const Bytes digest = Extend(Bytes(kDigestBytes, 0), kCommandPolicyPcr,
                              SerializePcrPolicy(policy));
  return with_auth ? Extend(digest, kCommandPolicyAuthValue, {}) : digest;
}

}  // namespace bestow
