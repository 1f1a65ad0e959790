#include "server/est/store_refusal.h"

#include "server/est/status_table.h"

namespace bestow::server {

absl::Status RefusalOf(const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) {
    return Refuse(Problem::kSecretSpent, status.message());
  }
  if (absl::IsOutOfRange(status)) {
    return Refuse(Problem::kTooManyLive, status.message());
  }
  if (absl::IsAborted(status)) {
    return Refuse(Problem::kNotGranted, status.message());
  }
  return status;
}

}  // namespace bestow::server
