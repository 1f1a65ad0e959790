#include "server/est/store_refusal.h"

#include "server/est/status_table.h"
#include "server/store/issue_refusal.h"

namespace bestow::server {
namespace {

Problem ProblemOf(IssueRefusal reason) {
  switch (reason) {
    case IssueRefusal::kSecret:
      break;
    case IssueRefusal::kCompromisedKey:
      return Problem::kKeyCompromised;
    case IssueRefusal::kRevoked:
      return Problem::kRevoked;
    case IssueRefusal::kRemoved:
      return Problem::kNotRegistered;
  }
  return Problem::kSecretSpent;
}

}  // namespace

absl::Status RefusalOf(const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) {
    return Refuse(ProblemOf(IssueRefusalOf(status)), status.message());
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
