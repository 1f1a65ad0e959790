// Certificate serial numbers (RFC 5280 4.1.2.2).
#ifndef COMMON_PKI_SERIAL_H_
#define COMMON_PKI_SERIAL_H_

#include <cstddef>

#include "common/base/bytes.h"

namespace bestow {

// The content octets of a serial that is read: not negative, up to 20 octets
// of value. Zero is seen on old trust anchors.
inline bool IsReadableSerial(ByteView content) {
  constexpr size_t kMaxSerialBytes = 20;
  if (content.empty() || (content[0] & 0x80) != 0) return false;
  const size_t padding = content[0] == 0 ? 1 : 0;
  return content.size() - padding <= kMaxSerialBytes;
}

// One that may be written: positive too. NOT checked: a leading zero octet
// that is not needed, which the DER writer refuses.
inline bool IsSerial(ByteView content) {
  return IsReadableSerial(content) && !(content.size() == 1 && content[0] == 0);
}

}  // namespace bestow

#endif  // COMMON_PKI_SERIAL_H_
