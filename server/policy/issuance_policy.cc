#include "server/policy/issuance_policy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/pki/certificate_policies.h"
#include "server/config/known_names.h"
#include "server/config/name_template.h"
#include "server/policy/identity_name.h"
#include "server/policy/key_rules.h"

namespace bestow::server {
namespace {

// Of one request.
constexpr size_t kMaxAdded = 16;

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

bool Has(const std::vector<GeneralName>& names, const GeneralName& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<SanPattern> PatternsOf(const ProfileConfig& profile) {
  std::vector<SanPattern> patterns;
  for (const std::string& text : profile.may_add) {
    // The config has refused what is no pattern; it lets nobody add anything.
    absl::StatusOr<SanPattern> pattern = SanPattern::Parse(text);
    if (pattern.ok()) patterns.push_back(*std::move(pattern));
  }
  return patterns;
}

// Identities of which a template "KIND:{identity}TAIL" makes what lies within
// `subtree`, for kinds that end with a host.
void AddIdentitiesWithin(const NameSubtree& subtree,
                         const std::vector<std::string>& templates,
                         std::vector<std::string>& identities) {
  constexpr std::string_view kIdentity = "{identity}";
  std::string_view base = AsText(subtree.value);
  if (subtree.kind != GeneralName::Kind::kDns || base.empty()) return;
  if (base.front() == '.') base.remove_prefix(1);
  for (const std::string_view text : templates) {
    const size_t start = text.find(kIdentity);
    if (start == std::string_view::npos) continue;
    std::string host = absl::StrCat("gw-17.", base);
    const std::string_view tail = text.substr(start + kIdentity.size());
    if (!absl::EndsWithIgnoreCase(host, tail)) continue;
    host.resize(host.size() - tail.size());
    identities.push_back(std::move(host));
  }
}

std::string SansText(const std::vector<GeneralName>& sans) {
  if (sans.empty()) return "none";
  return absl::StrJoin(sans, ", ",
                       [](std::string* out, const GeneralName& san) {
                         absl::StrAppend(out, san.ToText());
                       });
}

}  // namespace

IssuancePolicy::IssuancePolicy(ProfileConfig profile, ServerNames server_names,
                               std::vector<NameConstraints> ca_constraints)
    : profile_(std::move(profile)),
      server_names_(std::move(server_names)),
      ca_constraints_(std::move(ca_constraints)),
      may_add_(PatternsOf(profile_)) {}

absl::Status IssuancePolicy::RenderNames(const std::string& identity,
                                         SubscriberContents& contents) const {
  if (!profile_.subject.empty()) {
    absl::StatusOr<Name> subject = RenderSubject(profile_.subject, identity);
    if (!subject.ok()) {
      return absl::PermissionDeniedError(
          absl::StrCat("the profile's subject makes no name of ", identity,
                       ": ", subject.status().message()));
    }
    contents.subject = *std::move(subject);
  }
  for (const std::string& text : profile_.sans) {
    absl::StatusOr<GeneralName> san = RenderSan(text, identity);
    if (!san.ok()) {
      return absl::PermissionDeniedError(
          absl::StrCat("the profile's ", text, " makes no name of ", identity,
                       ": ", san.status().message()));
    }
    contents.sans.push_back(*std::move(san));
  }
  return absl::OkStatus();
}

absl::Status IssuancePolicy::CheckConstraints(
    const SubscriberContents& contents) const {
  for (const NameConstraints& constraints : ca_constraints_) {
    absl::Status status =
        CheckNameConstraints(constraints, contents.subject, contents.sans);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status IssuancePolicy::CheckNames(
    const SubscriberContents& contents) const {
  absl::Status status = server_names_.Check(contents.subject, contents.sans);
  return status.ok() ? CheckConstraints(contents) : status;
}

absl::Status IssuancePolicy::CheckAgainstCa() const {
  if (ca_constraints_.empty()) return absl::OkStatus();
  // An ordinary identity; and those whose names a constraint permits, where an
  // identity is the host's name or its beginning.
  std::vector<std::string> identities = {"gw-17"};
  for (const NameConstraints& constraints : ca_constraints_) {
    for (const NameSubtree& subtree : constraints.permitted) {
      AddIdentitiesWithin(subtree, profile_.sans, identities);
    }
  }
  absl::Status first;
  for (const std::string& identity : identities) {
    SubscriberContents contents;
    absl::Status status = RenderNames(identity, contents);
    if (status.ok()) status = CheckConstraints(contents);
    if (status.ok()) return status;
    if (first.ok()) first = status;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the CA can issue nothing that the profile gives: ", first.message()));
}

absl::StatusOr<SubscriberContents> IssuancePolicy::Grant(
    const std::string& identity) const {
  absl::Status status = CheckIdentityName(identity);
  if (status.ok()) status = server_names_.CheckText(identity);
  if (!status.ok()) return absl::PermissionDeniedError(status.message());

  SubscriberContents contents;
  status = RenderNames(identity, contents);
  if (status.ok()) status = CheckNames(contents);
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
  for (const std::string& oid : profile_.policies) {
    absl::StatusOr<CertificatePolicy> policy = PolicyOf(oid, profile_.cps);
    if (!policy.ok()) return absl::PermissionDeniedError("a policy is no OID");
    contents.policies.push_back(*std::move(policy));
  }
  contents.validity = profile_.validity;
  contents.backdate = profile_.backdate;
  return contents;
}

absl::Status IssuancePolicy::AddWishes(const std::string& identity,
                                       const std::vector<GeneralName>& wishes,
                                       SubscriberContents& contents) const {
  size_t added = 0;
  for (const GeneralName& wish : wishes) {
    const auto matches = [&](const SanPattern& pattern) {
      return pattern.Matches(wish, identity);
    };
    if (Has(contents.sans, wish) ||
        std::none_of(may_add_.begin(), may_add_.end(), matches)) {
      continue;
    }
    if (++added > kMaxAdded) {
      return absl::PermissionDeniedError(
          absl::StrCat("the request asks for more than ", kMaxAdded, " names"));
    }
    contents.sans.push_back(wish);
  }
  return added == 0 ? absl::OkStatus() : CheckNames(contents);
}

absl::Status IssuancePolicy::CheckOtherNames(
    const Pkcs10Request& request, const SubscriberContents& granted) const {
  if (profile_.other_names == OtherNames::kIgnored) return absl::OkStatus();
  if (!request.subject.empty() &&
      !SameNames(request.subject, granted.subject)) {
    return absl::PermissionDeniedError(
        absl::StrCat("the request's Subject (", request.subject.ToText(),
                     ") is not what this label's profile gives (",
                     granted.subject.ToText(), "): leave it empty"));
  }
  for (const GeneralName& wish : request.requested_sans) {
    if (Has(granted.sans, wish)) continue;
    return absl::PermissionDeniedError(
        absl::StrCat("the request asks for ", wish.ToText(),
                     ", which this label's profile neither gives nor lets a "
                     "request add"));
  }
  return absl::OkStatus();
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
