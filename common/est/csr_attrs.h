// CsrAttrs (RFC 7030 4.5.2; RFC 9908 explains).
#ifndef COMMON_EST_CSR_ATTRS_H_
#define COMMON_EST_CSR_ATTRS_H_

#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/der/oid.h"
#include "common/pki/attribute.h"
#include "common/pki/extension.h"

namespace bestow::est {

// CsrAttrs ::= SEQUENCE SIZE (0..MAX) OF AttrOrOID
// AttrOrOID ::= CHOICE { oid OBJECT IDENTIFIER, attribute Attribute }
using AttrOrOid = std::variant<der::Oid, CsrAttribute>;
struct CsrAttrs {
  std::vector<AttrOrOid> items;  // at most 64
};

// Strict but for a SET OF values, whose order is kept as found, and which may
// be empty: "no further requirements on the key" (RFC 9908 3.2).
absl::StatusOr<CsrAttrs> ParseCsrAttrsDer(ByteView der);
absl::StatusOr<Bytes> SerializeCsrAttrsDer(const CsrAttrs& attrs);

// The extensions that id-ExtensionReq asks for; empty without one.
// kInvalidArgument: two of it, other than one value, no Extensions (what
// servers before RFC 9908 put there may be none).
absl::StatusOr<std::vector<Extension>> FindExtensions(const CsrAttrs& attrs);
// True when the bare OID stands among the items (as challengePassword does).
bool ContainsOid(const CsrAttrs& attrs, const der::Oid& oid);

}  // namespace bestow::est

#endif  // COMMON_EST_CSR_ATTRS_H_
