// SMIMECapabilities (RFC 8551 2.5.2; PKCS #9 attribute 1.2.840.113549.1.9.15):
// what a client of /serverkeygen can decrypt (RFC 7030 4.4.1).
#ifndef COMMON_CMS_SMIME_CAPABILITIES_H_
#define COMMON_CMS_SMIME_CAPABILITIES_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/cms/algorithm.h"
#include "common/der/oid.h"

namespace bestow::cms {

struct SmimeCapability {
  der::Oid id;
  Bytes parameters;  // one element, or empty: absent
  bool operator==(const SmimeCapability&) const = default;
};

// In the client's order of preference.
struct SmimeCapabilities {
  std::vector<SmimeCapability> list;
  bool operator==(const SmimeCapabilities&) const = default;
};

// One SMIMECapabilities value (the attribute has exactly one), nothing after
// it. kInvalidArgument: malformed, or over 64 entries. An empty list is taken.
absl::StatusOr<SmimeCapabilities> ParseSmimeCapabilitiesDer(ByteView der);
// Equal to what ParseSmimeCapabilitiesDer took.
absl::StatusOr<Bytes> SerializeSmimeCapabilitiesDer(
    const SmimeCapabilities& capabilities);

// All that common/cms decrypts, the strongest first: what an agent lists.
SmimeCapabilities OurCapabilities();

// How a message is to be encrypted: each field counts for its kind of
// recipient.
struct EnvelopeAlgorithms {
  ContentCipher content = ContentCipher::kAes256Cbc;
  Hash oaep_hash = Hash::kSha256;       // RSA
  Hash kdf = Hash::kSha256;             // EC
  KeyWrap key_wrap = KeyWrap::kAes256;  // EC; a KEK's is its length's
};

// What the client lists and this server does, by the client's preference.
// `capabilities` nullptr (the CSR has none): as strong as the key. Otherwise:
// - content encryption: one that is listed; the default when none of any kind
//   of AES-CBC, AES-GCM or triple DES is;
// - key encryption: one that is listed, always (RFC 7030 4.4.2).
// kInvalidArgument when nothing is common: names what would be.

// `key_bytes`: the KEK's. kInvalidArgument also when no AES key is that long.
absl::StatusOr<EnvelopeAlgorithms> ChooseForKek(
    const SmimeCapabilities* capabilities, size_t key_bytes);
// RSA keys get RSAES-OAEP; P-256 and P-384 ECDH, for which a list may have
// either the scheme with its key wrap (RFC 5753 7.1.4) or key wraps alone.
// kInvalidArgument also for other keys.
absl::StatusOr<EnvelopeAlgorithms> ChooseForPublicKey(
    const SmimeCapabilities* capabilities, ByteView spki);

}  // namespace bestow::cms

#endif  // COMMON_CMS_SMIME_CAPABILITIES_H_
