// Attribute ::= SEQUENCE { type OID, values SET OF ANY } as PKCS#10, PKCS#8 and
// CsrAttrs carry it.
#ifndef COMMON_PKI_ATTRIBUTE_H_
#define COMMON_PKI_ATTRIBUTE_H_

#include <vector>

#include "common/base/bytes.h"
#include "common/der/oid.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow {

struct CsrAttribute {
  der::Oid type;
  std::vector<Bytes> values;  // each a whole element
  bool operator==(const CsrAttribute&) const = default;
};

// At least one value unless `may_have_no_values` (as CsrAttrs may have it:
// RFC 9908 3.2), at most 64; their order is kept as found.
[[nodiscard]] bool ExpectAttribute(der::Reader* reader, CsrAttribute* attribute,
                                   bool may_have_no_values = false);

// Values in the order given. The caller sees to it that they are elements.
void AddAttribute(der::Writer& writer, const CsrAttribute& attribute);

}  // namespace bestow

#endif  // COMMON_PKI_ATTRIBUTE_H_
