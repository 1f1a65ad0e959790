// Object identifiers as the content octets that DER carries.
#ifndef COMMON_DER_OID_H_
#define COMMON_DER_OID_H_

#include <compare>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow::der {

// An OID by its content octets; comparable; the empty one is no OID.
struct Oid {
  Bytes content;
  bool operator==(const Oid&) const = default;
  auto operator<=>(const Oid&) const = default;
};

// "1.2.840.113549.1.9.7" to octets. kInvalidArgument when it is no OID.
absl::StatusOr<Oid> OidFromDotted(std::string_view dotted);
// For literals in the code: CHECK-fails on a malformed one.
Oid OidLiteral(std::string_view dotted);
// "1.2.840...", for people. "?" when the octets are malformed.
std::string OidToDotted(ByteView content);

}  // namespace bestow::der

#endif  // COMMON_DER_OID_H_
