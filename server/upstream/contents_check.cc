#include "server/upstream/contents_check.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/pki/extension.h"
#include "server/config/known_names.h"

namespace bestow::server {
namespace {

template <typename T>
bool Contains(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// By values: a client may choose another string type.
bool SameSubject(const Name& a, const Name& b) {
  return std::equal(a.attributes().begin(), a.attributes().end(),
                    b.attributes().begin(), b.attributes().end(),
                    [](const Name::Attribute& x, const Name::Attribute& y) {
                      return x.type == y.type && x.value == y.value &&
                             x.joins_previous == y.joins_previous;
                    });
}

// `what`: "the request", "the upstream's certificate".
absl::Status CheckNames(std::string_view what, const Name& subject,
                        const std::vector<GeneralName>& sans,
                        const SubscriberContents& granted) {
  if (!SameSubject(subject, granted.subject)) {
    return absl::PermissionDeniedError(absl::StrCat(
        what, "'s Subject is \"", subject.ToText(),
        "\", and this label gives \"", granted.subject.ToText(), "\""));
  }
  for (const GeneralName& san : sans) {
    if (Contains(granted.sans, san)) continue;
    return absl::PermissionDeniedError(
        absl::StrCat(what, "'s SubjectAltName has ", san.ToText(),
                     ", which this label does not give"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckForwardable(const Pkcs10Request& request,
                              const SubscriberContents& granted) {
  absl::Status status = CheckNames("the request", request.subject,
                                   request.requested_sans, granted);
  if (!status.ok()) {
    return absl::PermissionDeniedError(
        absl::StrCat(status.message(),
                     ": another CA signs it as it is, so ask for these names"));
  }
  return status;
}

absl::Status CheckIssuedContents(const Certificate& issued,
                                 const SubscriberContents& granted) {
  constexpr std::string_view kWhat = "the upstream's certificate";
  absl::Status status = CheckNames(kWhat, issued.subject, issued.sans, granted);
  if (!status.ok()) return status;
  if (issued.basic_constraints.has_value() && issued.basic_constraints->is_ca) {
    return absl::PermissionDeniedError(absl::StrCat(kWhat, " is a CA's"));
  }
  // RFC 5280 4.2.1.3 restricts the key by this extension alone: without it,
  // every usage is given.
  if (!issued.key_usage.has_value()) {
    return absl::PermissionDeniedError(absl::StrCat(
        kWhat, " is good for every use of its key (it has no key usage)"));
  }
  if ((*issued.key_usage & ~granted.key_usage) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(kWhat, " has key usages that this label does not give"));
  }
  // None means any.
  if (issued.extended_key_usage.empty() &&
      !granted.extended_key_usage.empty()) {
    return absl::PermissionDeniedError(
        absl::StrCat(kWhat,
                     " is good for every purpose (it has no extended "
                     "key usage)"));
  }
  for (const der::Oid& purpose : issued.extended_key_usage) {
    if (Contains(granted.extended_key_usage, purpose) &&
        !IsForbiddenPurpose(purpose)) {
      continue;
    }
    return absl::PermissionDeniedError(
        absl::StrCat(kWhat,
                     " has an extended key usage that this label does "
                     "not give: ",
                     der::OidToDotted(purpose.content)));
  }
  return absl::OkStatus();
}

}  // namespace bestow::server
