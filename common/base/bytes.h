// Byte strings: an owning one, a view, and the way between them and text.
#ifndef COMMON_BASE_BYTES_H_
#define COMMON_BASE_BYTES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace bestow {

using Bytes = std::vector<uint8_t>;
// Does not own; the bytes must outlive it.
using ByteView = absl::Span<const uint8_t>;

inline ByteView AsBytes(std::string_view text) {
  return ByteView(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}
inline std::string_view AsText(ByteView bytes) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()),
                          bytes.size());
}
inline Bytes ToBytes(ByteView bytes) {
  return Bytes(bytes.begin(), bytes.end());
}
inline std::string ToText(ByteView bytes) { return std::string(AsText(bytes)); }

}  // namespace bestow

#endif  // COMMON_BASE_BYTES_H_
