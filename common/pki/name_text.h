// Names as people write them: RFC 4514's form, first RDN first.
#ifndef COMMON_PKI_NAME_TEXT_H_
#define COMMON_PKI_NAME_TEXT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/der/oid.h"

namespace bestow {

// "CN=gw-17,O=Acme" into pairs; the contract is Name::FromText's.
absl::StatusOr<std::vector<std::pair<der::Oid, std::string>>> ParseNameText(
    std::string_view text);

// "CN" or "1.2.3".
std::string AttributeTypeText(const der::Oid& type);

// RFC 4514's escapes; and, for logs, \XX for what can move a terminal's cursor
// or turn text around (controls, line and paragraph ends, bidi marks).
// `utf8` is valid UTF-8.
std::string EscapeNameText(std::string_view utf8);

// For other text in logs: as above, without the separators' escapes.
std::string EscapeControls(std::string_view utf8);

}  // namespace bestow

#endif  // COMMON_PKI_NAME_TEXT_H_
