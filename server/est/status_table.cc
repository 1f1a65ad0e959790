#include "server/est/status_table.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>

#include "absl/log/check.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr StatusRow kTable[] = {
    {Problem::kUnknownPath, "unknown-path", 404},
    {Problem::kUnknownLabel, "unknown-label", 404},
    {Problem::kNotOffered, "not-offered", 404},
    {Problem::kUnknownCertificate, "unknown-certificate", 404},
    {Problem::kWrongMethod, "wrong-method", 405},
    {Problem::kWrongMediaType, "wrong-media-type", 415},
    {Problem::kTooLarge, "too-large", 413},
    {Problem::kBadEncoding, "bad-encoding", 400},
    {Problem::kBadRequest, "bad-request", 400},
    {Problem::kWeakKey, "weak-key", 400},
    {Problem::kBadSignature, "bad-signature", 400},
    {Problem::kNotLinked, "not-linked", 400},
    {Problem::kOtherNames, "other-names", 400},
    {Problem::kUnknownKeyId, "unknown-key-id", 400},
    {Problem::kNoCommonAlgorithm, "no-common-algorithm", 400},
    {Problem::kNoCredentials, "no-credentials", 401},
    {Problem::kWrongCredentials, "wrong-credentials", 401},
    {Problem::kNoCertificate, "no-certificate", 403},
    {Problem::kBadCertificate, "bad-certificate", 403},
    {Problem::kRevoked, "revoked", 403},
    {Problem::kWrongOtp, "wrong-otp", 403},
    {Problem::kNotRegistered, "not-registered", 403},
    {Problem::kKeyType, "key-type", 403},
    {Problem::kNameChange, "name-change", 403},
    {Problem::kTooEarly, "too-early", 403},
    {Problem::kSameKey, "same-key", 403},
    {Problem::kNotGranted, "not-granted", 403},
    {Problem::kTooManyLive, "too-many-live", 403},
    {Problem::kSecretSpent, "secret-spent", 403},
    {Problem::kKeyCompromised, "key-compromised", 403},
    {Problem::kDenied, "denied", 403},
    {Problem::kUpstreamRefused, "upstream-refused", 403},
    {Problem::kTooManyTries, "too-many-tries", 429},
    {Problem::kTooManyRequests, "too-many-requests", 429},
    {Problem::kTooManyPending, "too-many-pending", 503},
    {Problem::kUpstreamDown, "upstream-down", 503},
    {Problem::kUpstreamBusy, "upstream-busy", 503},
    {Problem::kBusy, "busy", 503},
    {Problem::kUpstreamReply, "upstream-reply", 502},
    {Problem::kInternal, "internal", 500},
};

constexpr char kPayload[] = "bestow/problem";
constexpr char kRetryAfter[] = "bestow/retry-after-seconds";

}  // namespace

absl::Span<const StatusRow> StatusTable() { return kTable; }

const StatusRow& RowOf(Problem problem) {
  const size_t index = static_cast<size_t>(problem);
  CHECK_LT(index, std::size(kTable));
  return kTable[index];
}

absl::Status Refuse(Problem problem, std::string_view reason) {
  absl::Status status = absl::FailedPreconditionError(reason);
  status.SetPayload(kPayload,
                    absl::Cord(absl::StrCat(static_cast<int>(problem))));
  return status;
}

absl::Status RefuseUntil(Problem problem, std::string_view reason,
                         absl::Duration retry_after) {
  absl::Status status = Refuse(problem, reason);
  const int64_t seconds = std::max<int64_t>(
      1, absl::ToInt64Seconds(absl::Ceil(retry_after, absl::Seconds(1))));
  status.SetPayload(kRetryAfter, absl::Cord(absl::StrCat(seconds)));
  return status;
}

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  const std::optional<absl::Cord> payload = status.GetPayload(kRetryAfter);
  int64_t seconds = 0;
  if (!payload.has_value() ||
      !absl::SimpleAtoi(std::string(*payload), &seconds)) {
    return std::nullopt;
  }
  return absl::Seconds(seconds);
}

Problem ProblemOf(const absl::Status& status) {
  const std::optional<absl::Cord> payload = status.GetPayload(kPayload);
  int index = 0;
  if (payload.has_value() && absl::SimpleAtoi(std::string(*payload), &index)) {
    return static_cast<Problem>(index);
  }
  if (absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) {
    return Problem::kBusy;
  }
  return Problem::kInternal;
}

}  // namespace bestow::server
