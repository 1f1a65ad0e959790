// X.509 extensions and their values (RFC 5280 4.2).
#ifndef COMMON_PKI_EXTENSION_H_
#define COMMON_PKI_EXTENSION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/der/oid.h"

namespace bestow {

// Extension ::= SEQUENCE { extnID, critical DEFAULT FALSE, extnValue }
struct Extension {
  der::Oid id;
  bool critical = false;
  Bytes value;  // what the OCTET STRING holds
  bool operator==(const Extension&) const = default;
};

// KeyUsage bits (RFC 5280 4.2.1.3): bit i is named bit i.
enum KeyUsage : uint32_t {
  kDigitalSignature = 1u << 0,
  kNonRepudiation = 1u << 1,
  kKeyEncipherment = 1u << 2,
  kDataEncipherment = 1u << 3,
  kKeyAgreement = 1u << 4,
  kKeyCertSign = 1u << 5,
  kCrlSign = 1u << 6,
};

struct BasicConstraints {
  bool is_ca = false;
  std::optional<uint64_t> path_length;
  bool operator==(const BasicConstraints&) const = default;
};

// What becomes of a `critical` FALSE that is written out, which DER forbids
// (X.690 11.5) and requests in the field have.
enum class WrittenDefault { kRefused, kTaken };
// Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension. Two of one type are
// refused (RFC 5280 4.2), more than 64 too. With kTaken, SerializeExtensionsDer
// does not give back the same octets.
absl::StatusOr<std::vector<Extension>> ParseExtensionsDer(
    ByteView der, WrittenDefault written = WrittenDefault::kRefused);

absl::StatusOr<Bytes> SerializeExtensionsDer(
    const std::vector<Extension>& extensions);

absl::StatusOr<uint32_t> ParseKeyUsage(ByteView value);
absl::StatusOr<Bytes> SerializeKeyUsage(uint32_t bits);
absl::StatusOr<std::vector<der::Oid>> ParseExtendedKeyUsage(ByteView value);
absl::StatusOr<Bytes> SerializeExtendedKeyUsage(
    const std::vector<der::Oid>& purposes);
absl::StatusOr<BasicConstraints> ParseBasicConstraints(ByteView value);
absl::StatusOr<Bytes> SerializeBasicConstraints(const BasicConstraints& value);
absl::StatusOr<Bytes> ParseSubjectKeyIdentifier(ByteView value);
absl::StatusOr<Bytes> SerializeSubjectKeyIdentifier(ByteView key_id);
// The keyIdentifier [0]; empty when it is left out.
absl::StatusOr<Bytes> ParseAuthorityKeyIdentifier(ByteView value);
absl::StatusOr<Bytes> SerializeAuthorityKeyIdentifier(ByteView key_id);

}  // namespace bestow

#endif  // COMMON_PKI_EXTENSION_H_
