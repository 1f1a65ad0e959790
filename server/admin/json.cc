#include "server/admin/json.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr int kMaxDepth = 16;

// The library gives its iterative parser's depth to a callback, which can only
// discard: counted before, outside of strings.
bool IsTooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

const Json* Member(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(std::string(name));
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes || IsTooDeep(text)) {
    return absl::InvalidArgumentError("the JSON is too long or too deep");
  }
  Json value = Json::parse(text.begin(), text.end(), nullptr,
                           /*allow_exceptions=*/false);
  if (value.is_discarded()) return absl::InvalidArgumentError("not JSON");
  return value;
}

std::string JsonLine(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string JsonPage(const Json& value) {
  return absl::StrCat(value.dump(2, ' ', false, Json::error_handler_t::replace),
                      "\n");
}

std::string TextOf(const Json& object, std::string_view name) {
  const Json* member = Member(object, name);
  return member != nullptr && member->is_string()
             ? member->get_ref<const std::string&>()
             : std::string();
}

bool IsTrue(const Json& object, std::string_view name) {
  const Json* member = Member(object, name);
  return member != nullptr && member->is_boolean() && member->get<bool>();
}

std::optional<int64_t> NumberOf(const Json& object, std::string_view name) {
  const Json* member = Member(object, name);
  if (member == nullptr || !member->is_number_integer()) return std::nullopt;
  if (member->is_number_unsigned() &&
      member->get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()}) {
    return std::nullopt;
  }
  return member->get<int64_t>();
}

}  // namespace bestow::server
