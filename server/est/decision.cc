#include "server/est/decision.h"

#include <utility>

#include "server/est/status_table.h"
#include "server/policy/issuance_policy.h"
#include "server/policy/renewal_rules.h"

namespace bestow::server {
namespace {

// `contents` as far as this key may have it.
absl::StatusOr<SubscriberContents> FitToKey(const Service& service,
                                            const Pkcs10Request& request,
                                            std::optional<KeyType> key_type,
                                            SubscriberContents contents) {
  absl::Status status = service.policy.CheckKeyType(key_type);
  if (status.ok()) status = service.policy.FitToKey(request.spki, contents);
  if (!status.ok()) return Refuse(Problem::kKeyType, status.message());
  return contents;
}

absl::StatusOr<SubscriberContents> Grant(const Service& service,
                                         const std::string& identity) {
  absl::StatusOr<SubscriberContents> contents = service.policy.Grant(identity);
  if (!contents.ok()) {
    return Refuse(Problem::kNotGranted, contents.status().message());
  }
  return contents;
}

absl::Status CheckRenewalNames(const Service& service,
                               const Pkcs10Request& request,
                               const SubscriberContents& granted,
                               const Certificate& current) {
  if (!request.change_subject_name.has_value()) {
    absl::Status status = CheckSameNames(granted, current);
    return status.ok() ? status
                       : Refuse(Problem::kNotGranted, status.message());
  }
  if (!service.config.enrollment.allow_name_change) {
    return Refuse(Problem::kNameChange,
                  "the request asks to change its names (ChangeSubjectName), "
                  "which this label does not allow");
  }
  absl::Status status = CheckNameChange(*request.change_subject_name, granted);
  return status.ok() ? status : Refuse(Problem::kNameChange, status.message());
}

}  // namespace

absl::StatusOr<SubscriberContents> DecideEnrollment(
    const Service& service, const std::string& identity,
    const Pkcs10Request& request, std::optional<KeyType> key_type) {
  absl::StatusOr<SubscriberContents> contents = Grant(service, identity);
  if (!contents.ok()) return contents;
  // RFC 7030 4.2.2 has the attribute for re-enrollments alone.
  if (request.change_subject_name.has_value()) {
    return Refuse(Problem::kNameChange,
                  "the request asks to change its names (ChangeSubjectName), "
                  "and an enrollment has none yet: use /simplereenroll");
  }
  absl::Status status =
      service.policy.AddWishes(identity, request.requested_sans, *contents);
  if (status.ok()) status = service.policy.CheckOtherNames(request, *contents);
  if (!status.ok()) return Refuse(Problem::kNotGranted, status.message());
  return FitToKey(service, request, key_type, *std::move(contents));
}

absl::StatusOr<SubscriberContents> DecideRenewal(
    const Service& service, const std::string& identity,
    const Pkcs10Request& request, std::optional<KeyType> key_type,
    const Certificate& current, absl::Time order_start, absl::Time now) {
  const EnrollmentConfig& rules = service.config.enrollment;
  absl::Status status = CheckSameNames(request, current);
  if (!status.ok()) return Refuse(Problem::kOtherNames, status.message());
  if (!rules.allow_same_key && request.spki == current.spki) {
    return Refuse(Problem::kSameKey,
                  "this label wants a new key for each certificate: make one, "
                  "and ask again");
  }
  status = CheckRenewalTime({current.not_before, current.not_after},
                            rules.renewal_window, order_start, now);
  if (!status.ok()) return Refuse(Problem::kTooEarly, status.message());
  absl::StatusOr<SubscriberContents> contents = Grant(service, identity);
  if (!contents.ok()) return contents;
  // RFC 7030 4.2.2: the request's names are the certificate's, unless it asks
  // for a change; those that were added once are added again, as far as they
  // may be now.
  status = service.policy.AddWishes(identity,
                                    request.change_subject_name.has_value()
                                        ? request.change_subject_name->sans
                                        : request.requested_sans,
                                    *contents);
  if (!status.ok()) return Refuse(Problem::kNotGranted, status.message());
  status = CheckRenewalNames(service, request, *contents, current);
  if (!status.ok()) return status;
  return FitToKey(service, request, key_type, *std::move(contents));
}

}  // namespace bestow::server
