#include "server/store/issue_refusal.h"

#include <optional>
#include <string>

#include "absl/strings/cord.h"

namespace bestow::server {
namespace {

constexpr char kPayload[] = "bestow/issue-refusal";

std::string_view NameOf(IssueRefusal reason) {
  switch (reason) {
    case IssueRefusal::kSecret:
      break;
    case IssueRefusal::kCompromisedKey:
      return "compromised-key";
    case IssueRefusal::kRevoked:
      return "revoked";
    case IssueRefusal::kRemoved:
      return "removed";
  }
  return "secret";
}

}  // namespace

absl::Status RefuseIssue(IssueRefusal reason, std::string_view words) {
  absl::Status status = absl::PermissionDeniedError(words);
  status.SetPayload(kPayload, absl::Cord(NameOf(reason)));
  return status;
}

IssueRefusal IssueRefusalOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return IssueRefusal::kSecret;
  for (const IssueRefusal reason :
       {IssueRefusal::kCompromisedKey, IssueRefusal::kRevoked,
        IssueRefusal::kRemoved}) {
    if (*payload == NameOf(reason)) return reason;
  }
  return IssueRefusal::kSecret;
}

}  // namespace bestow::server
