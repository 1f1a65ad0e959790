// The names by which a config calls key usages, purposes and attributes.
#ifndef SERVER_CONFIG_KNOWN_NAMES_H_
#define SERVER_CONFIG_KNOWN_NAMES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/der/oid.h"

namespace bestow::server {

// A KeyUsage bit. kInvalidArgument for an unknown one and for those that only
// a CA has (keyCertSign, cRLSign).
absl::StatusOr<uint32_t> KeyUsageByName(std::string_view name);

// "clientAuth", "serverAuth", ... or a dotted OID. kInvalidArgument for an
// unknown one and for those that no device may have: id-kp-cmcRA, id-kp-cmcCA,
// id-kp-OCSPSigning, which would let it speak for the CA (RFC 6960 4.2.2.2),
// and anyExtendedKeyUsage, which contains them.
absl::StatusOr<der::Oid> PurposeByName(std::string_view name);
bool IsForbiddenPurpose(const der::Oid& purpose);

// The name of a CA's folder below cas/: 1 to 64 of A-Z a-z 0-9 . _ -, the first
// a letter or digit.
bool IsCaName(std::string_view name);
// A CA's folder: "ca", or "cas/" and such a name, which can't lead out of it.
bool IsCaFolder(std::string_view path);

// "https://..." or "http://...", short and printable.
bool IsWebUrl(std::string_view text);

// What /csrattrs may name: "challengePassword", ... or a dotted OID.
absl::StatusOr<der::Oid> CsrAttributeByName(std::string_view name);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_KNOWN_NAMES_H_
