// Text that comes from outside, as every engine can keep it.
#ifndef SERVER_STORE_STORABLE_TEXT_H_
#define SERVER_STORE_STORABLE_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace bestow::server {

// UTF-8 (RFC 3629) without NUL. PostgreSQL refuses other text.
bool IsStorableText(std::string_view text);

// At most `max_bytes` of it, cut between characters; control characters and
// octets that are no UTF-8 become '?'.
std::string StorableText(std::string_view text, size_t max_bytes);

}  // namespace bestow::server

#endif  // SERVER_STORE_STORABLE_TEXT_H_
