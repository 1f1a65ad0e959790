#include "server/config/service_reader.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/est/csr_template.h"
#include "server/config/known_names.h"
#include "server/config/name_template.h"
#include "server/config/value_readers.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
constexpr absl::Duration kYear = absl::Hours(24 * 365);
constexpr int kMaxCount = 1'000'000;
constexpr size_t kMaxPatterns = 64;

void ReadAuth(TomlReader& toml, AuthConfig& auth) {
  toml.ReadBool("basic", &auth.basic);
  ReadEnum<DigestOffer>(toml, "digest",
                        {{"off", DigestOffer::kOff},
                         {"md5", DigestOffer::kMd5},
                         {"sha256", DigestOffer::kSha256},
                         {"both", DigestOffer::kBoth}},
                        &auth.digest);
  ReadEnum<Require>(
      toml, "require",
      {{"any", Require::kAny},
       {"certificate", Require::kCertificate},
       {"password", Require::kPassword},
       {"certificate+password", Require::kCertificateAndPassword}},
      &auth.require);
  ReadEnum<Linking>(toml, "linking",
                    {{"off", Linking::kOff},
                     {"optional", Linking::kOptional},
                     {"required", Linking::kRequired}},
                    &auth.linking);
  ReadNames(toml, "idevid_anchors", &auth.idevid_anchors,
            [](const std::string& path) {
              return path.empty() ? absl::InvalidArgumentError(
                                        "names PEM files; one is empty")
                                  : absl::OkStatus();
            });
  if (toml.ReadText("idevid_identity", &auth.idevid_identity)) {
    absl::Status status = CheckIdevidTemplate(auth.idevid_identity);
    if (!status.ok()) toml.Complain("idevid_identity", status.message());
  }
  toml.ReadBool("idevid_register", &auth.idevid_register);
  toml.ReadDuration("nonce_lifetime", absl::Seconds(1), kDay,
                    &auth.nonce_lifetime);
  const bool passwords = auth.basic || auth.digest != DigestOffer::kOff;
  if (!passwords && (auth.require == Require::kPassword ||
                     auth.require == Require::kCertificateAndPassword)) {
    toml.Complain(toml.Has("require") ? "require" : "basic",
                  "a password is required, and there is no way to send one: "
                  "basic is off, and so is digest");
  }
}

void ReadEnrollment(TomlReader& toml, EnrollmentConfig& enrollment) {
  ReadEnum<Approval>(
      toml, "approval",
      {{"automatic", Approval::kAutomatic}, {"manual", Approval::kManual}},
      &enrollment.approval);
  toml.ReadDuration("approval_retry_after", absl::Seconds(1), 7 * kDay,
                    &enrollment.approval_retry_after);
  toml.ReadDuration("approval_expiry", absl::Minutes(1), kYear,
                    &enrollment.approval_expiry);
  toml.ReadDuration("renewal_window", absl::ZeroDuration(), 10 * kYear,
                    &enrollment.renewal_window);
  toml.ReadDuration("expired_grace", absl::ZeroDuration(), 10 * kYear,
                    &enrollment.expired_grace);
  toml.ReadBool("allow_name_change", &enrollment.allow_name_change);
  toml.ReadBool("server_keys", &enrollment.server_keys);
  toml.ReadBool("allow_same_key", &enrollment.allow_same_key);
}

void ReadCsrAttrsRequest(TomlReader& toml, CsrAttrsRequest& request) {
  ReadValues<der::Oid>(toml, "oids", CsrAttributeByName, &request.oids);
  std::string key_type;
  if (toml.ReadText("key_type", &key_type)) {
    request.key_type.reset();
    if (!key_type.empty()) {
      absl::StatusOr<KeyType> type = DeviceKeyTypeByName(key_type);
      if (!type.ok()) toml.Complain("key_type", type.status().message());
      if (type.ok()) request.key_type = *type;
    }
  }
  ReadSans(toml, &request.sans);
  ReadKeyUsage(toml, &request.key_usage);
  ReadValues<der::Oid>(toml, "extended_key_usage", PurposeByName,
                       &request.extended_key_usage);
  toml.ReadBool("template", &request.as_template);
  if (toml.ReadText("subject", &request.subject) && !request.subject.empty()) {
    // An empty value is the client's to fill in.
    const std::string sample =
        absl::StrReplaceAll(request.subject, {{"{identity}", kSampleIdentity}});
    absl::StatusOr<est::SubjectTemplate> subject =
        est::SubjectTemplateFromText(sample);
    if (!subject.ok()) toml.Complain("subject", subject.status().message());
    if (sample.find_first_of("{}") != std::string::npos) {
      toml.Complain("subject",
                    "templates know {identity}, and no other braces");
    }
  }
  if (!request.subject.empty() && !request.as_template) {
    toml.Complain(toml.Has("subject") ? "subject" : "template",
                  "only a template can ask for a subject (RFC 9908): add "
                  "template = true");
  }
}

void ReadCsrAttrs(TomlReader& toml, CsrAttrsConfig& csr_attrs) {
  ReadCsrAttrsRequest(toml, csr_attrs.all);
  if (toml.Has("for")) csr_attrs.for_identities.clear();
  toml.InTables("for", [&] {
    CsrAttrsConfig::ForIdentities entry;
    entry.request = csr_attrs.all;
    toml.ReadTexts("identities", &entry.identities);
    if (entry.identities.empty() || entry.identities.size() > kMaxPatterns) {
      toml.Complain("identities", absl::StrCat("needs 1 to ", kMaxPatterns,
                                               " patterns, like [\"gw-*\"]"));
    }
    ReadCsrAttrsRequest(toml, entry.request);
    csr_attrs.for_identities.push_back(std::move(entry));
  });
}

}  // namespace

void ReadService(TomlReader& toml, const NamedProfiles& profiles,
                 ServiceConfig& service) {
  if (toml.ReadText("realm", &service.realm) &&
      (service.realm.empty() || service.realm.size() > 200 ||
       !std::all_of(service.realm.begin(), service.realm.end(), [](char c) {
         return absl::ascii_isprint(static_cast<unsigned char>(c));
       }))) {
    toml.Complain("realm",
                  "must be printable ASCII, not empty, and at most 200 "
                  "characters");
  }
  if (toml.ReadText("ca", &service.ca) && !IsCaFolder(service.ca)) {
    toml.Complain(
        "ca",
        "must be \"ca\", or \"cas/NAME\" as `bestow-server ca create` "
        "makes it");
  }
  ReadServiceProfile(toml, profiles, service.profile);
  toml.InTable("one_time_secrets", [&] {
    toml.ReadDuration("retry_window", absl::ZeroDuration(), kYear,
                      &service.secret_retry_window);
  });
  toml.InTable("auth", [&] { ReadAuth(toml, service.auth); });
  toml.InTable("enrollment", [&] { ReadEnrollment(toml, service.enrollment); });
  toml.InTable("csr_attrs", [&] { ReadCsrAttrs(toml, service.csr_attrs); });
  toml.InTable("reply", [&] {
    ReadEnum<est::LineWrap>(toml, "line_wrap",
                            {{"auto", est::LineWrap::kAuto},
                             {"always", est::LineWrap::kAlways},
                             {"never", est::LineWrap::kNever}},
                            &service.line_wrap);
  });
  toml.InTable("limits", [&] {
    toml.ReadInt("body_bytes", 1024, 1 << 20, &service.limits.body_bytes);
    toml.ReadInt("pending_requests", 0, kMaxCount,
                 &service.limits.pending_requests);
    toml.ReadInt("enrollments_per_minute", 0, kMaxCount,
                 &service.limits.enrollments_per_minute);
  });
  toml.InTable("renewal_info", [&] {
    toml.ReadDuration("retry_after", absl::Minutes(1), 30 * kDay,
                      &service.renewal_info.retry_after);
    if (toml.ReadText("explanation_url",
                      &service.renewal_info.explanation_url) &&
        !service.renewal_info.explanation_url.empty() &&
        !IsWebUrl(service.renewal_info.explanation_url)) {
      toml.Complain("explanation_url",
                    "must be an http or https URL of at most 200 printable "
                    "characters");
    }
  });
}

}  // namespace bestow::server
