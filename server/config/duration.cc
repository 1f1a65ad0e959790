#include "server/config/duration.h"

#include <string>

#include "absl/strings/numbers.h"

namespace bestow::server {
namespace {
constexpr int kMaxDays = 36525;  // a century
}  // namespace

std::optional<absl::Duration> ParseDurationText(std::string_view text) {
  absl::Duration total = absl::ZeroDuration();
  const size_t d = text.find('d');
  if (d != std::string_view::npos) {
    int days = 0;
    if (text.find_first_not_of("0123456789") != d ||
        !absl::SimpleAtoi(text.substr(0, d), &days) || days > kMaxDays) {
      return std::nullopt;
    }
    total = days * absl::Hours(24);
    text.remove_prefix(d + 1);
    if (text.empty()) return total;
  }
  absl::Duration rest;
  if (!absl::ParseDuration(text, &rest) || rest < absl::ZeroDuration() ||
      rest > kMaxDays * absl::Hours(24)) {
    return std::nullopt;
  }
  return total + rest;
}

}  // namespace bestow::server
