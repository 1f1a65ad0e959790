#include "server/est/renewal_info.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/est/protocol.h"
#include "common/est/renewal_info.h"
#include "common/pki/certificate.h"
#include "server/est/status_table.h"
#include "server/policy/renewal_rules.h"

namespace bestow::server {
namespace {

absl::StatusOr<CertificateRecord> FindRecord(Store& store,
                                             std::string_view label,
                                             std::string_view id) {
  const absl::Status unknown =
      Refuse(Problem::kUnknownCertificate,
             "this label has issued no certificate of that id (base64url of "
             "the authority key identifier, a dot, base64url of the serial "
             "number)");
  absl::StatusOr<est::RenewalInfoKey> key = est::ParseRenewalInfoId(id);
  if (!key.ok()) return unknown;
  absl::StatusOr<CertificateRecord> record = store.FindCertificate(key->serial);
  if (absl::IsNotFound(record.status())) return unknown;
  if (!record.ok()) return record.status();
  // In a rollover there are certificates of two keys of the CA.
  absl::StatusOr<Certificate> certificate =
      ParseCertificateDer(record->certificate);
  if (!certificate.ok()) return certificate.status();
  if (record->label != label ||
      certificate->authority_key_id != key->authority_key_id) {
    return unknown;
  }
  return record;
}

}  // namespace

void HandleRenewalInfo(const Services& services, std::string_view id,
                       Exchange& exchange) {
  const ServiceConfig& config = exchange.service().config;
  absl::StatusOr<CertificateRecord> record =
      FindRecord(*services.store, config.label, id);
  if (!record.ok()) return exchange.Fail(record.status());
  TimeWindow window = SuggestedWindow({record->not_before, record->not_after},
                                      config.enrollment.renewal_window);
  absl::StatusOr<RenewalOrder> order =
      services.store->FindRenewalOrder(*record);
  if (order.ok()) {
    window = {order->window_start, order->window_end};
    exchange.log().AddNote(absl::StrCat("renewal order ", order->id));
  } else if (!absl::IsNotFound(order.status())) {
    return exchange.Fail(order.status());
  }
  HttpResponse response;
  response.headers = {
      {"Content-Type", std::string(est::kRenewalInfoMediaType)},
      {"Retry-After",
       absl::StrCat(absl::ToInt64Seconds(config.renewal_info.retry_after))}};
  response.body = est::SerializeRenewalInfoJson(
      {window.start, window.end, config.renewal_info.explanation_url});
  exchange.Finish(std::move(response));
}

}  // namespace bestow::server
