#include "server/store/storable_text.h"

#include <cstdint>

namespace bestow::server {
namespace {

// The octets of the character that `text` begins with; 0: none. RFC 3629 4.
size_t CharacterBytes(std::string_view text) {
  const auto octet = [&](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
  };
  const auto tail = [&](size_t i) { return (octet(i) & 0xc0) == 0x80; };
  const uint8_t first = octet(0);
  if (text.empty()) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (first == 0xe0 && octet(1) < 0xa0) return 0;  // overlong
    if (first == 0xed && octet(1) > 0x9f) return 0;  // a surrogate
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && octet(1) < 0x90) return 0;
    if (first == 0xf4 && octet(1) > 0x8f) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool IsStorableText(std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(text);
    if (bytes == 0 || text[0] == '\0') return false;
    text.remove_prefix(bytes);
  }
  return true;
}

std::string StorableText(std::string_view text, size_t max_bytes) {
  std::string kept;
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(text);
    const bool control =
        bytes == 1 && (static_cast<uint8_t>(text[0]) < 0x20 || text[0] == 0x7f);
    const std::string_view character =
        bytes == 0 || control ? "?" : text.substr(0, bytes);
    if (kept.size() + character.size() > max_bytes) break;
    kept += character;
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return kept;
}

}  // namespace bestow::server
