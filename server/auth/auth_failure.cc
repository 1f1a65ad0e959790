#include "server/auth/auth_failure.h"

#include <algorithm>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace bestow::server {
namespace {

using Kind = AuthFailure::Kind;

// Lines: the kind, the seconds, then a challenge each.
constexpr char kPayload[] = "bestow/auth-failure";
constexpr size_t kHeadLines = 2;

absl::StatusCode CodeOf(Kind kind) {
  switch (kind) {
    case Kind::kNoCredentials:
    case Kind::kWrongCredentials:
      return absl::StatusCode::kUnauthenticated;
    case Kind::kNoCertificate:
    case Kind::kBadCertificate:
    case Kind::kRevoked:
    case Kind::kNotForLabel:
      return absl::StatusCode::kPermissionDenied;
    case Kind::kTooManyTries:
      return absl::StatusCode::kResourceExhausted;
    case Kind::kOther:
      break;
  }
  return absl::StatusCode::kInternal;
}

}  // namespace

absl::Status MakeAuthFailure(const AuthFailure& failure,
                             std::string_view message) {
  absl::Status status(CodeOf(failure.kind), message);
  const absl::Duration whole =
      absl::Ceil(failure.retry_after, absl::Seconds(1));
  std::vector<std::string> lines = {
      absl::StrCat(static_cast<int>(failure.kind)),
      absl::StrCat(absl::ToInt64Seconds(whole))};
  lines.insert(lines.end(), failure.challenges.begin(),
               failure.challenges.end());
  status.SetPayload(kPayload, absl::Cord(absl::StrJoin(lines, "\n")));
  return status;
}

AuthFailure AuthFailureOf(const absl::Status& status) {
  AuthFailure failure;
  const std::optional<absl::Cord> payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return failure;
  const std::string text(*payload);
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  int kind = 0;
  int64_t seconds = 0;
  if (lines.size() < kHeadLines || !absl::SimpleAtoi(lines[0], &kind) ||
      !absl::SimpleAtoi(lines[1], &seconds)) {
    return failure;
  }
  failure.kind = static_cast<Kind>(kind);
  if (failure.kind == Kind::kTooManyTries) {
    failure.retry_after = absl::Seconds(std::max<int64_t>(seconds, 1));
  }
  failure.challenges.assign(lines.begin() + kHeadLines, lines.end());
  return failure;
}

}  // namespace bestow::server
