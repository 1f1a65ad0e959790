#include "server/tls_renewal/tls_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/ca/certificate_authority.h"

namespace bestow::server {
namespace {

bool HaveSameNames(const std::vector<GeneralName>& a,
                   const std::vector<GeneralName>& b) {
  const auto all_in = [](const auto& some, const auto& others) {
    return std::all_of(some.begin(), some.end(), [&](const GeneralName& name) {
      return std::find(others.begin(), others.end(), name) != others.end();
    });
  };
  return all_in(a, b) && all_in(b, a);
}

std::string Utc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace

TlsPlan PlanTlsRenewal(const Certificate& present, const CaBundles& cas,
                       const TlsConfig& config,
                       const std::vector<std::string>& hostnames,
                       absl::Time now) {
  TlsPlan plan;
  if (!config.renew || config.from != TlsFrom::kCa) return plan;
  plan.ca = FindIssuer(present, cas);
  if (plan.ca == nullptr) return plan;
  const Certificate& ca = plan.ca->authority->certificate();
  absl::StatusOr<SubscriberContents> contents =
      TlsRenewalContents(present, hostnames, config.validity);
  CaBundle today;
  today.authority = plan.ca->authority;
  if (!IsIssuedBy(present, today)) {
    plan.due = now;
    plan.why = "its CA has a new key";
  } else if (contents.ok() && !HaveSameNames(contents->sans, present.sans)) {
    plan.due = now;
    plan.why = "its names are to be others";
  } else if (now < present.not_before) {
    plan.due = now;
    plan.why = absl::StrCat("it is valid from ", Utc(present.not_before),
                            " only: the clock was set back");
  } else if (present.not_after < ca.not_after) {
    // It was valid from before it was issued; what counts is what is left.
    const absl::Duration lifetime =
        std::min(config.validity, present.not_after - present.not_before);
    plan.due = present.not_after - (1 - config.fraction) * lifetime;
    plan.why = absl::StrCat("it ends at ", Utc(present.not_after));
  }
  return plan;
}

absl::StatusOr<SubscriberContents> TlsRenewalContents(
    const Certificate& present, const std::vector<std::string>& hostnames,
    absl::Duration validity) {
  absl::StatusOr<SubscriberContents> named =
      TlsServerContents(hostnames, validity);
  if (named.ok()) return named;
  // For the rights; then the names are those that it has.
  absl::StatusOr<SubscriberContents> contents =
      TlsServerContents({"localhost"}, validity);
  if (!contents.ok()) return contents;
  contents->subject = present.subject;
  contents->sans = present.sans;
  return contents;
}

}  // namespace bestow::server
