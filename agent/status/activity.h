// What the daemon says of itself, in status.toml of the state folder.
#ifndef AGENT_STATUS_ACTIVITY_H_
#define AGENT_STATUS_ACTIVITY_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bestow::agent {

struct Activity {
  std::string doing;  // "enrolling", "renewing", "checking", "waiting",
                      // "retrying", "paused"
  std::optional<absl::Time> next_at;  // when it will renew or try again
  std::string last_error;             // kept after later successes
  std::optional<absl::Time> last_error_at;
  bool operator==(const Activity&) const = default;
};

// Replaces the file atomically.
absl::Status WriteActivity(const std::string& folder, const Activity& activity);
// kNotFound when the daemon never ran; kDataLoss when it can't be read.
absl::StatusOr<Activity> ReadActivity(const std::string& folder);

// In quotes, as JSON and TOML (basic strings) both take it. `text` is UTF-8.
std::string Quote(std::string_view text);
// "2026-11-21T09:00:00Z".
std::string FormatUtc(absl::Time time);

}  // namespace bestow::agent

#endif  // AGENT_STATUS_ACTIVITY_H_
