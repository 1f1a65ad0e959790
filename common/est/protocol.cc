#include "common/est/protocol.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace bestow::est {
namespace {

constexpr size_t kMaxLabelBytes = 64;
constexpr size_t kMaxArgumentBytes = 256;
// Label, operation, argument; one more is one too many.
constexpr size_t kMaxSegments = 3;

constexpr Operation kOperations[] = {
    Operation::kCaCerts,  Operation::kSimpleEnroll, Operation::kSimpleReenroll,
    Operation::kCsrAttrs, Operation::kServerKeyGen, Operation::kRenewalInfo,
    Operation::kFullCmc};
// Operations of RFC 8295, and of the draft on fresh attestation, that have no
// place above: no label may have their names either (RFC 7030 3.2.2).
constexpr std::string_view kOtherOperationNames[] = {
    "pal", "eecerts", "crls", "symmetrickeys", "firmware", "tamp", "nonce"};

std::optional<Operation> FindOperation(std::string_view name) {
  for (const Operation operation : kOperations) {
    if (OperationName(operation) == name) return operation;
  }
  return std::nullopt;
}

// RFC 3986 2.3: unreserved. "." and ".." are dot-segments, which a proxy takes
// away (5.2.4).
bool IsSegment(std::string_view text, size_t max_bytes) {
  return !text.empty() && text.size() <= max_bytes && text != "." &&
         text != ".." && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' ||
                  c == '~';
         });
}

bool IsLabel(std::string_view text) {
  return IsSegment(text, kMaxLabelBytes) && !FindOperation(text).has_value() &&
         std::find(std::begin(kOtherOperationNames),
                   std::end(kOtherOperationNames),
                   text) == std::end(kOtherOperationNames);
}

std::string_view TypeOf(std::string_view media_type) {
  return absl::StripAsciiWhitespace(media_type.substr(0, media_type.find(';')));
}

}  // namespace

std::string_view OperationName(Operation operation) {
  switch (operation) {
    case Operation::kCaCerts:
      return "cacerts";
    case Operation::kSimpleEnroll:
      return "simpleenroll";
    case Operation::kSimpleReenroll:
      return "simplereenroll";
    case Operation::kCsrAttrs:
      return "csrattrs";
    case Operation::kServerKeyGen:
      return "serverkeygen";
    case Operation::kRenewalInfo:
      return "renewal-info";
    case Operation::kFullCmc:
      return "fullcmc";
  }
  return "?";
}

std::optional<Target> ParsePath(std::string_view path) {
  if (!absl::StartsWith(path, kWellKnownPrefix)) return std::nullopt;
  path.remove_prefix(kWellKnownPrefix.size());
  std::vector<std::string_view> segments =
      absl::StrSplit(path, absl::MaxSplits('/', kMaxSegments));
  Target target{};
  if (segments.size() > 1 && IsLabel(segments.front())) {
    target.label = std::string(segments.front());
    segments.erase(segments.begin());
  }
  const std::optional<Operation> operation = FindOperation(segments.front());
  if (!operation.has_value()) return std::nullopt;
  target.operation = *operation;
  if (*operation == Operation::kRenewalInfo) {
    if (segments.size() != 2 || !IsSegment(segments[1], kMaxArgumentBytes)) {
      return std::nullopt;
    }
    target.argument = std::string(segments[1]);
  } else if (segments.size() != 1) {
    return std::nullopt;
  }
  return target;
}

std::string FormatPath(Operation operation, std::string_view label,
                       std::string_view argument) {
  return absl::StrCat(kWellKnownPrefix, label, label.empty() ? "" : "/",
                      OperationName(operation), argument.empty() ? "" : "/",
                      argument);
}

bool MediaTypeIs(std::string_view header, std::string_view type) {
  return absl::EqualsIgnoreCase(TypeOf(header), TypeOf(type));
}

}  // namespace bestow::est
