#include "server/store/operator_store.h"

namespace bestow::server {
namespace {

template <typename Record>
absl::Status ForEach(
    const std::function<absl::StatusOr<std::vector<Record>>(const Page&)>& list,
    const std::function<void(const Record&)>& visit) {
  Page page;
  for (;;) {
    absl::StatusOr<std::vector<Record>> records = list(page);
    if (!records.ok()) return records.status();
    for (const Record& record : *records) visit(record);
    if (records->size() < page.limit) return absl::OkStatus();
    page.after_id = records->back().id;
  }
}

}  // namespace

absl::Status OperatorStore::ForEachCertificate(
    const std::function<void(const CertificateRecord&)>& visit) {
  return ForEach<CertificateRecord>(
      [this](const Page& page) { return ListCertificates({}, page); }, visit);
}

absl::Status OperatorStore::ForEachPending(
    absl::Time now, const std::function<void(const PendingRequest&)>& visit) {
  return ForEach<PendingRequest>(
      [this, now](const Page& page) { return ListPending(now, page); }, visit);
}

absl::Status OperatorStore::ForEachRenewalOrder(
    const std::function<void(const RenewalOrder&)>& visit) {
  return ForEach<RenewalOrder>(
      [this](const Page& page) { return ListRenewalOrders(page); }, visit);
}

}  // namespace bestow::server
