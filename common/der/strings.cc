#include "common/der/strings.h"

#include <algorithm>

namespace bestow::der {
namespace {

constexpr uint32_t kMaxCodePoint = 0x10FFFF;

bool IsCodePoint(uint32_t code) {
  return code <= kMaxCodePoint && (code < 0xD800 || code > 0xDFFF);
}

void AppendUtf8(uint32_t code, std::string* out) {
  const auto tail = [out, code](int shift) {
    out->push_back(static_cast<char>(0x80 | ((code >> shift) & 0x3F)));
  };
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (code >> 6)));
    tail(0);
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (code >> 12)));
    tail(6);
    tail(0);
  } else {
    out->push_back(static_cast<char>(0xF0 | (code >> 18)));
    tail(12);
    tail(6);
    tail(0);
  }
}

// Big-endian code units of `unit_size` octets.
std::optional<std::string> DecodeFixed(ByteView content, size_t unit_size) {
  if (content.size() % unit_size != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < content.size(); i += unit_size) {
    uint32_t code = 0;
    for (size_t j = 0; j < unit_size; ++j) code = code << 8 | content[i + j];
    if (!IsCodePoint(code)) return std::nullopt;
    AppendUtf8(code, &out);
  }
  return out;
}

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
         (c >= 'a' && c <= 'z');
}

}  // namespace

bool IsUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const uint8_t first = static_cast<uint8_t>(text[i]);
    size_t tail_count = 0;
    uint32_t code = 0, smallest = 0;
    if (first < 0x80) {
      ++i;
      continue;
    } else if ((first & 0xE0) == 0xC0) {
      tail_count = 1, code = first & 0x1F, smallest = 0x80;
    } else if ((first & 0xF0) == 0xE0) {
      tail_count = 2, code = first & 0x0F, smallest = 0x800;
    } else if ((first & 0xF8) == 0xF0) {
      tail_count = 3, code = first & 0x07, smallest = 0x10000;
    } else {
      return false;
    }
    if (text.size() - i <= tail_count) return false;
    for (size_t j = 1; j <= tail_count; ++j) {
      const uint8_t tail = static_cast<uint8_t>(text[i + j]);
      if ((tail & 0xC0) != 0x80) return false;
      code = code << 6 | (tail & 0x3F);
    }
    if (code < smallest || !IsCodePoint(code)) return false;
    i += tail_count + 1;
  }
  return true;
}

size_t CountCharacters(std::string_view utf8) {
  return std::count_if(utf8.begin(), utf8.end(),
                       [](char c) { return (c & 0xC0) != 0x80; });
}

bool IsPrintableString(std::string_view text) {
  constexpr std::string_view kPunctuation = " '()+,-./:=?";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlnum(c) || kPunctuation.find(c) != std::string_view::npos;
  });
}

bool IsIa5String(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c & 0x80) == 0; });
}

std::optional<std::string> DecodeString(Tag tag, ByteView content) {
  const std::string_view text = AsText(content);
  bool valid = false;
  switch (tag) {
    case CBS_ASN1_UTF8STRING:
      valid = IsUtf8(text);
      break;
    case CBS_ASN1_PRINTABLESTRING:
      valid = IsPrintableString(text);
      break;
    case CBS_ASN1_NUMERICSTRING:
      valid = text.find_first_not_of(" 0123456789") == std::string_view::npos;
      break;
    case CBS_ASN1_IA5STRING:
      valid = IsIa5String(text);
      break;
    case CBS_ASN1_VISIBLESTRING:
      valid = std::all_of(text.begin(), text.end(),
                          [](char c) { return c >= 0x20 && c < 0x7F; });
      break;
    case CBS_ASN1_T61STRING:
      return DecodeFixed(content, 1);
    case CBS_ASN1_BMPSTRING:
      return DecodeFixed(content, 2);
    case CBS_ASN1_UNIVERSALSTRING:
      return DecodeFixed(content, 4);
    default:
      break;
  }
  if (!valid) return std::nullopt;
  return std::string(text);
}

}  // namespace bestow::der
