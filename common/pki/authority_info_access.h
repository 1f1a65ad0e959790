// Where a certificate's CA answers: authorityInfoAccess (RFC 5280 4.2.2.1).
#ifndef COMMON_PKI_AUTHORITY_INFO_ACCESS_H_
#define COMMON_PKI_AUTHORITY_INFO_ACCESS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/der/oid.h"
#include "common/pki/name.h"

namespace bestow {

struct AccessDescription {
  der::Oid method;  // oids::AdOcsp, oids::AdCaIssuers, or another
  GeneralName location;
  bool operator==(const AccessDescription&) const = default;
};

// `uri` as a place of that kind. kInvalidArgument: no absolute URI.
absl::StatusOr<AccessDescription> AccessAt(const der::Oid& method,
                                           const std::string& uri);

// AuthorityInfoAccessSyntax; 1 to 64 of them.
absl::StatusOr<std::vector<AccessDescription>> ParseAuthorityInfoAccess(
    ByteView value);
absl::StatusOr<Bytes> SerializeAuthorityInfoAccess(
    const std::vector<AccessDescription>& places);

}  // namespace bestow

#endif  // COMMON_PKI_AUTHORITY_INFO_ACCESS_H_
