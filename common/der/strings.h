// ASN.1 character strings to UTF-8 and back.
#ifndef COMMON_DER_STRINGS_H_
#define COMMON_DER_STRINGS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/der/reader.h"

namespace bestow::der {

// RFC 3629: shortest forms, no surrogates, up to U+10FFFF.
bool IsUtf8(std::string_view text);
// Code points of valid UTF-8.
size_t CountCharacters(std::string_view utf8);
// X.680 41.4: letters, digits, space and '()+,-./:=?
bool IsPrintableString(std::string_view text);
// Seven bits (X.680 IA5String), control characters among them.
bool IsIa5String(std::string_view text);

// The UTF-8 of a string type's content: UTF8String, NumericString,
// PrintableString, TeletexString (read as Latin-1, as everybody does),
// IA5String, VisibleString, UniversalString, BMPString (without surrogates).
// nullopt: another tag, or octets that are not valid in that type.
std::optional<std::string> DecodeString(Tag tag, ByteView content);

}  // namespace bestow::der

#endif  // COMMON_DER_STRINGS_H_
