#include "common/est/protocol.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace bestow::est {
namespace {

constexpr size_t kMaxLabelBytes = 64;

constexpr Operation kOperations[] = {
    Operation::kCaCerts, Operation::kSimpleEnroll, Operation::kSimpleReenroll,
    Operation::kCsrAttrs};

// Operations of RFC 7030 and RFC 8295 that are not served: no label may have
// their names either (RFC 7030 3.2.2).
constexpr std::string_view kOtherOperationNames[] = {
    "fullcmc", "serverkeygen",  "pal",      "eecerts",
    "crls",    "symmetrickeys", "firmware", "tamp"};

std::optional<Operation> FindOperation(std::string_view name) {
  for (const Operation operation : kOperations) {
    if (OperationName(operation) == name) return operation;
  }
  return std::nullopt;
}

// RFC 3986 2.3: unreserved. "." and ".." are dot-segments, which a proxy takes
// away (5.2.4).
bool IsLabel(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabelBytes && text != "." &&
         text != ".." && !FindOperation(text).has_value() &&
         std::find(std::begin(kOtherOperationNames),
                   std::end(kOtherOperationNames),
                   text) == std::end(kOtherOperationNames) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' ||
                  c == '~';
         });
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
  }
  return "?";
}

std::optional<Target> ParsePath(std::string_view path) {
  if (!absl::StartsWith(path, kWellKnownPrefix)) return std::nullopt;
  path.remove_prefix(kWellKnownPrefix.size());
  std::string_view label;
  const size_t slash = path.find('/');
  if (slash != std::string_view::npos) {
    label = path.substr(0, slash);
    if (!IsLabel(label)) return std::nullopt;
    path.remove_prefix(slash + 1);
  }
  const std::optional<Operation> operation = FindOperation(path);
  if (!operation.has_value()) return std::nullopt;
  return Target{*operation, std::string(label)};
}

std::string FormatPath(Operation operation, std::string_view label) {
  return absl::StrCat(kWellKnownPrefix, label, label.empty() ? "" : "/",
                      OperationName(operation));
}

bool MediaTypeIs(std::string_view header, std::string_view type) {
  return absl::EqualsIgnoreCase(TypeOf(header), TypeOf(type));
}

}  // namespace bestow::est
