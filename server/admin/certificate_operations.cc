#include "server/admin/certificate_operations.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/pki/certificate.h"
#include "server/admin/certificate_json.h"
#include "server/admin/console.h"

namespace bestow::server {
namespace {

absl::StatusOr<Json> Rows(const AdminContext& context, const Json& arguments,
                          bool with_pem) {
  absl::StatusOr<Page> page = PageOf(arguments);
  if (!page.ok()) return page.status();
  const absl::Time now = context.clock.Now();
  absl::StatusOr<CertificateFilter> filter =
      CertificateFilterOf(arguments, now);
  if (!filter.ok()) return filter.status();
  absl::StatusOr<std::vector<CertificateRecord>> records =
      context.store.ListCertificates(*filter, *page);
  if (!records.ok()) return records.status();
  Json rows = Json::array();
  int64_t last = 0;
  for (const CertificateRecord& record : *records) {
    last = record.id;
    Json row = CertificateJson(record, now);
    if (with_pem) row["pem"] = SerializeCertificatePem(record.certificate);
    rows.push_back(std::move(row));
  }
  return PageAnswer(std::move(rows), last, *page);
}

absl::StatusOr<Json> List(const AdminContext& context, const Json& arguments) {
  return Rows(context, arguments, /*with_pem=*/false);
}

absl::StatusOr<Json> Export(const AdminContext& context,
                            const Json& arguments) {
  return Rows(context, arguments, /*with_pem=*/true);
}

absl::StatusOr<Json> Show(const AdminContext& context, const Json& arguments) {
  CertificateFilter filter;
  absl::StatusOr<Bytes> serial = HexArgument(arguments, "serial");
  if (!serial.ok()) return serial.status();
  if (serial->empty()) {
    return absl::InvalidArgumentError(
        "give the serial number, or its beginning");
  }
  filter.serial_prefix = *std::move(serial);
  filter.now = context.clock.Now();
  Page page;
  page.limit = 2;
  absl::StatusOr<std::vector<CertificateRecord>> records =
      context.store.ListCertificates(filter, page);
  if (!records.ok()) return records.status();
  const std::string text = HexText(filter.serial_prefix);
  if (records->empty()) {
    return absl::NotFoundError(
        absl::StrCat("no certificate's serial number begins with ", text));
  }
  const CertificateRecord* found = &records->front();
  if (records->size() > 1) {
    // One that is whole is meant, though it is another's beginning too.
    absl::StatusOr<CertificateRecord> whole =
        context.store.FindCertificate(filter.serial_prefix);
    if (!whole.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the serial numbers of several certificates begin with ", text));
    }
    records->front() = *std::move(whole);
    found = &records->front();
  }
  Json answer = CertificateJson(*found, filter.now);
  answer["certificate"] = SerializeCertificatePem(found->certificate);
  return answer;
}

absl::StatusOr<Json> CountEverything(const AdminContext& context,
                                     const Json& /*arguments*/) {
  absl::StatusOr<Statistics> statistics =
      context.store.CountAll(context.clock.Now());
  if (!statistics.ok()) return statistics.status();
  Json labels = Json::array();
  for (const LabelStatistics& label : statistics->labels) {
    labels.push_back({{"label", label.label},
                      {"valid", label.valid},
                      {"expired", label.expired},
                      {"revoked", label.revoked},
                      {"ends_1d", label.ends_within_1_day},
                      {"ends_7d", label.ends_within_7_days},
                      {"ends_30d", label.ends_within_30_days},
                      {"ends_90d", label.ends_within_90_days},
                      {"last_issued", label.last_issued_at.has_value()
                                          ? Json(UtcText(*label.last_issued_at))
                                          : Json()}});
  }
  Json days = Json::array();
  for (const auto& [day, count] : statistics->issued_by_day) {
    days.push_back(
        {{"day", absl::FormatTime("%Y-%m-%d", day, absl::UTCTimeZone())},
         {"issued", count}});
  }
  return Json{{"identities", statistics->identities},
              {"waiting_requests", statistics->waiting_requests},
              {"usable_secrets", statistics->usable_secrets},
              {"labels", std::move(labels)},
              {"issued_by_day", std::move(days)}};
}

}  // namespace

absl::Span<const Operation> CertificateOperations() {
  static constexpr Operation kOperations[] = {{"certificates list", List},
                                              {"certificates show", Show},
                                              {"certificates export", Export},
                                              {"statistics", CountEverything}};
  return kOperations;
}

}  // namespace bestow::server
