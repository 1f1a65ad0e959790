// Durations as people write them: "90d", "1d12h", "5m".
#ifndef SERVER_CONFIG_DURATION_H_
#define SERVER_CONFIG_DURATION_H_

#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace bestow::server {

// absl::ParseDuration's units, and "d" for 24 hours in front of them. Finite
// and not negative; nullopt otherwise.
std::optional<absl::Duration> ParseDurationText(std::string_view text);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_DURATION_H_
