#include "server/policy/identity_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxNameBytes = 64;

bool IsAlnum(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c));
}

}  // namespace

absl::Status CheckIdentityName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes || !IsAlnum(name[0]) ||
      !std::all_of(name.begin(), name.end(), [](char c) {
        return IsAlnum(c) || c == '.' || c == '_' || c == '@' || c == '-';
      })) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CHexEscape(name.substr(0, kMaxNameBytes)),
                     "\" is not a name for an identity: use 1 to 64 of A-Z a-z "
                     "0-9 . _ @ -, starting with a letter or digit"));
  }
  return absl::OkStatus();
}

}  // namespace bestow::server
