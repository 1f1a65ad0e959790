// What the operator's lists hold, and how they are asked for.
#ifndef SERVER_STORE_LISTING_H_
#define SERVER_STORE_LISTING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/bytes.h"

namespace bestow::server {

// Lists come in pages, ordered by id: the first page is after 0, the next one
// after the last id of the one before. A short page is the last.
struct Page {
  int64_t after_id = 0;
  size_t limit = 500;  // at most kMaxPage
};
inline constexpr size_t kMaxPage = 1000;

enum class CertificateState { kAny, kValid, kExpired, kRevoked };

// What is not set matches everything; what is set is all to be met.
struct CertificateFilter {
  std::optional<std::string> identity;
  std::optional<std::string> label;
  Bytes serial_prefix;
  Bytes key_sha256;
  // At `now`. A revoked certificate is neither valid nor expired; one that is
  // not valid yet counts as valid.
  CertificateState state = CertificateState::kAny;
  absl::Time now;
  std::optional<absl::Time> expires_before;  // and not before `now`
};

// A one-time secret, as the operator sees it. The secret itself is nowhere.
struct SecretListing {
  int64_t id = 0;
  std::string identity;
  absl::Time created_at;
  absl::Time expires_at;
  std::optional<absl::Time> used_at;
  Bytes serial;  // of the certificate that it gave, when used
};

struct PreSharedKeyListing {
  int64_t id = 0;
  Bytes key_identifier;
  std::string identity;
  absl::Time created_at;
};

struct LabelStatistics {
  std::string label;
  int64_t valid = 0;
  int64_t expired = 0;
  int64_t revoked = 0;
  // Of the valid ones, those that end within that time. A shorter one's are
  // in the longer one's too.
  int64_t ends_within_1_day = 0;
  int64_t ends_within_7_days = 0;
  int64_t ends_within_30_days = 0;
  int64_t ends_within_90_days = 0;
  std::optional<absl::Time> last_issued_at;
};

struct Statistics {
  std::vector<LabelStatistics> labels;  // by name; those that issued anything
  int64_t identities = 0;
  int64_t waiting_requests = 0;
  int64_t usable_secrets = 0;  // not used and not expired
  // Certificates issued on each of the last 30 days (UTC, the day's start),
  // oldest first; days without one are left out.
  std::vector<std::pair<absl::Time, int64_t>> issued_by_day;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_LISTING_H_
