// The one table from what can go wrong to an HTTP status. docs/STATUS_CODES.md
// is its text for people; a test holds the two together.
#ifndef SERVER_EST_STATUS_TABLE_H_
#define SERVER_EST_STATUS_TABLE_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace bestow::server {

enum class Problem {
  kUnknownPath,
  kUnknownLabel,
  kNotOffered,
  kUnknownCertificate,
  kWrongMethod,
  kWrongMediaType,
  kTooLarge,
  kBadEncoding,
  kBadRequest,
  kWeakKey,
  kBadSignature,
  kNotLinked,
  kOtherNames,
  kUnknownKeyId,
  kNoCommonAlgorithm,
  kNoCredentials,
  kWrongCredentials,
  kNoCertificate,
  kBadCertificate,
  kRevoked,
  kWrongOtp,
  kNotRegistered,
  kKeyType,
  kNameChange,
  kTooEarly,
  kSameKey,
  kNotGranted,
  kTooManyLive,
  kSecretSpent,
  kKeyCompromised,
  kDenied,
  kUpstreamRefused,
  kTooManyTries,
  kTooManyRequests,
  kTooManyPending,
  kUpstreamDown,
  kUpstreamBusy,
  kBusy,
  kUpstreamReply,
  kInternal,
};

struct StatusRow {
  Problem problem;
  std::string_view name;  // as in the log and the docs: "wrong-media-type"
  int http_status;
};

// Every Problem once, in the order of the enum.
absl::Span<const StatusRow> StatusTable();
const StatusRow& RowOf(Problem problem);

// A status that carries its Problem. `reason` goes to the client: one line, no
// secrets.
absl::Status Refuse(Problem problem, std::string_view reason);
// The same with the time to come back after: Retry-After, in whole seconds,
// rounded up, at least one.
absl::Status RefuseUntil(Problem problem, std::string_view reason,
                         absl::Duration retry_after);
// nullopt for any other status.
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);
// The Problem of a Refuse(); for other statuses kBusy when trying again later
// may help (kUnavailable, kResourceExhausted), else kInternal.
Problem ProblemOf(const absl::Status& status);

}  // namespace bestow::server

#endif  // SERVER_EST_STATUS_TABLE_H_
