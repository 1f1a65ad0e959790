// JSON between the tool and the server, and for scripts. Members keep their
// order: a table's columns stand in the order in which they were set.
#ifndef SERVER_ADMIN_JSON_H_
#define SERVER_ADMIN_JSON_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace bestow::server {

using Json = nlohmann::ordered_json;

// kInvalidArgument: not one JSON value, deeper than 16, or longer than
// `max_bytes`.
inline constexpr size_t kMaxJsonBytes = 1 << 20;
absl::StatusOr<Json> ParseJson(std::string_view text,
                               size_t max_bytes = kMaxJsonBytes);

// One line, all of it UTF-8: what is not stands as U+FFFD.
std::string JsonLine(const Json& value);
// Indented, with a line end.
std::string JsonPage(const Json& value);

// Members of an object, as they come from a tool that may be of another
// version. Each gives "" (false, nullopt) for one that is not there or of
// another type; nothing throws.
std::string TextOf(const Json& object, std::string_view name);
bool IsTrue(const Json& object, std::string_view name);
std::optional<int64_t> NumberOf(const Json& object, std::string_view name);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_JSON_H_
