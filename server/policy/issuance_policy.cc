#include "server/policy/issuance_policy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/known_names.h"
#include "server/config/name_template.h"
#include "server/policy/identity_name.h"
#include "server/policy/key_rules.h"

namespace bestow::server {
namespace {

bool SameNames(const Name& a, const Name& b) {
  return a == b ||
         std::equal(a.attributes().begin(), a.attributes().end(),
                    b.attributes().begin(), b.attributes().end(),
                    [](const Name::Attribute& x, const Name::Attribute& y) {
                      return x.type == y.type && x.value == y.value &&
                             x.joins_previous == y.joins_previous;
                    });
}

bool SameSans(std::vector<GeneralName> a, std::vector<GeneralName> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

std::string SansText(const std::vector<GeneralName>& sans) {
  if (sans.empty()) return "none";
  return absl::StrJoin(sans, ", ",
                       [](std::string* out, const GeneralName& san) {
                         absl::StrAppend(out, san.ToText());
                       });
}

}  // namespace

absl::StatusOr<SubscriberContents> IssuancePolicy::Grant(
    const std::string& identity) const {
  absl::Status status = CheckIdentityName(identity);
  if (status.ok()) status = server_names_.CheckText(identity);
  if (!status.ok()) return absl::PermissionDeniedError(status.message());

  SubscriberContents contents;
  absl::StatusOr<Name> subject = RenderSubject(profile_.subject, identity);
  if (!subject.ok()) {
    return absl::PermissionDeniedError(
        absl::StrCat("the profile's subject makes no name of ", identity, ": ",
                     subject.status().message()));
  }
  contents.subject = *std::move(subject);
  for (const std::string& text : profile_.sans) {
    absl::StatusOr<GeneralName> san = RenderSan(text, identity);
    if (!san.ok()) {
      return absl::PermissionDeniedError(
          absl::StrCat("the profile's ", text, " makes no name of ", identity,
                       ": ", san.status().message()));
    }
    contents.sans.push_back(*std::move(san));
  }
  status = server_names_.Check(contents.subject, contents.sans);
  if (!status.ok()) return status;

  // The config refuses these already; nobody gets them by another way either.
  if ((profile_.key_usage & (kKeyCertSign | kCrlSign)) != 0 ||
      std::any_of(profile_.extended_key_usage.begin(),
                  profile_.extended_key_usage.end(), IsForbiddenPurpose)) {
    return absl::PermissionDeniedError(
        "the profile gives rights of a CA or of an EST server, which no device "
        "gets");
  }
  contents.key_usage = profile_.key_usage;
  contents.extended_key_usage = profile_.extended_key_usage;
  contents.validity = profile_.validity;
  contents.backdate = profile_.backdate;
  return contents;
}

absl::Status IssuancePolicy::CheckKeyType(std::optional<KeyType> type) const {
  const std::vector<KeyType>& taken = profile_.key_types;
  if (taken.empty() ||
      (type.has_value() &&
       std::find(taken.begin(), taken.end(), *type) != taken.end())) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "this label certifies keys of the types ",
      absl::StrJoin(taken, ", ",
                    [](std::string* out, KeyType each) {
                      absl::StrAppend(out, KeyTypeName(each));
                    }),
      type.has_value() ? absl::StrCat("; the request's is ", KeyTypeName(*type))
                       : ""));
}

absl::Status IssuancePolicy::FitToKey(ByteView spki,
                                      SubscriberContents& contents) const {
  absl::StatusOr<uint32_t> usage = UsageOfKey(contents.key_usage, spki);
  if (!usage.ok()) return usage.status();
  contents.key_usage = *usage;
  return absl::OkStatus();
}

absl::Status IssuancePolicy::CheckIdentity(const std::string& identity) const {
  absl::Status status = CheckIdentityName(identity);
  if (!status.ok()) return status;
  return Grant(identity).status();
}

absl::Status CheckSameNames(const Pkcs10Request& request,
                            const Certificate& current) {
  if (!SameNames(request.subject, current.subject)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request's Subject (", request.subject.ToText(),
                     ") is not the presented certificate's (",
                     current.subject.ToText(), "): RFC 7030 4.2.2"));
  }
  if (!SameSans(request.requested_sans, current.sans)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the request's SubjectAltName (", SansText(request.requested_sans),
        ") is not the presented certificate's (", SansText(current.sans),
        "): RFC 7030 4.2.2"));
  }
  return absl::OkStatus();
}

absl::Status CheckSameNames(const SubscriberContents& granted,
                            const Certificate& current) {
  if (SameNames(granted.subject, current.subject) &&
      SameSans(granted.sans, current.sans)) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      "this server's profile gives other names now, and a re-enrollment keeps "
      "them: use /simpleenroll");
}

absl::Status CheckNameChange(const ChangeSubjectName& change,
                             const SubscriberContents& granted) {
  const Name subject = change.subject.value_or(Name());
  if (SameNames(subject, granted.subject) &&
      SameSans(change.sans, granted.sans)) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "the request's ChangeSubjectName leads to the Subject \"",
      subject.ToText(), "\" and the SubjectAltName ", SansText(change.sans),
      "; this server's profile gives \"", granted.subject.ToText(), "\" and ",
      SansText(granted.sans)));
}

std::string DescribeWish(const Pkcs10Request& request,
                         const SubscriberContents& granted) {
  std::string wish;
  if (!request.subject.empty() &&
      !SameNames(request.subject, granted.subject)) {
    absl::StrAppend(&wish, request.subject.ToText());
  }
  if (!request.requested_sans.empty() &&
      !SameSans(request.requested_sans, granted.sans)) {
    absl::StrAppend(&wish, wish.empty() ? "" : " ",
                    "SANs: ", SansText(request.requested_sans));
  }
  return wish;
}

}  // namespace bestow::server
