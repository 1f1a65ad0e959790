// The algorithms of CMS messages, and how they are named in them.
#ifndef COMMON_CMS_ALGORITHM_H_
#define COMMON_CMS_ALGORITHM_H_

#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/der/oid.h"
#include "common/der/writer.h"

namespace bestow::cms {

// SHA-1 is for OAEP and key derivation alone, and is only read, or written for
// a peer that lists nothing else: what collides in it does no harm there.
enum class Hash { kSha1, kSha256, kSha384, kSha512 };
// AES in CBC mode with a 16-octet IV (RFC 3565 2.3).
enum class ContentCipher { kAes128Cbc, kAes256Cbc };
// AES key wrap without padding (RFC 3394).
enum class KeyWrap { kAes128, kAes192, kAes256 };

size_t HashBytes(Hash hash);
size_t KeyBytes(ContentCipher cipher);
size_t KeyBytes(KeyWrap wrap);
// nullopt: no AES key is that long.
std::optional<KeyWrap> KeyWrapOfLength(size_t key_bytes);

// Each reads one DER AlgorithmIdentifier, whole; kInvalidArgument: malformed,
// or of something else.

// Parameters absent or NULL (RFC 5754 2).
absl::StatusOr<Hash> ParseHash(ByteView algorithm);
struct ContentEncryption {
  ContentCipher cipher = ContentCipher::kAes256Cbc;
  Bytes iv;  // 16 octets
};
absl::StatusOr<ContentEncryption> ParseContentEncryption(ByteView algorithm);
// Parameters absent, or NULL, which old writers put there.
absl::StatusOr<KeyWrap> ParseKeyWrap(ByteView algorithm);
// RSAES-OAEP with MGF1 over the same hash and an empty label (RFC 4055 4.1).
absl::StatusOr<Hash> ParseOaep(ByteView algorithm);
struct KeyAgreement {
  Hash kdf = Hash::kSha256;
  // As found: the key derivation has these octets in it.
  Bytes key_wrap_algorithm;
  KeyWrap key_wrap = KeyWrap::kAes128;
};
// dhSinglePass-stdDH-sha1kdf, -sha256kdf, -sha384kdf or -sha512kdf, whose
// parameters are a key wrap's AlgorithmIdentifier (RFC 5753 7.1.4).
absl::StatusOr<KeyAgreement> ParseKeyAgreement(ByteView algorithm);

// What we write.
void AddHash(der::Writer& writer, Hash hash);  // without parameters
void AddContentEncryption(der::Writer& writer,
                          const ContentEncryption& encryption);
void AddKeyWrap(der::Writer& writer, KeyWrap wrap);
void AddOaep(der::Writer& writer, Hash hash);
void AddKeyAgreement(der::Writer& writer, Hash kdf, KeyWrap wrap);

// Their object identifiers, for SMIMECapabilities.
const der::Oid& OidOf(ContentCipher cipher);
const der::Oid& OidOf(KeyWrap wrap);
const der::Oid& KeyAgreementOid(Hash kdf);

}  // namespace bestow::cms

#endif  // COMMON_CMS_ALGORITHM_H_
