#include "server/store/renewal_statements.h"

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr char kSelectOrders[] =
    "SELECT id, label, issued_before, window_start, window_end, created_at"
    " FROM renewal_orders ";

RenewalOrder ReadOrder(const SqlStatement& row) {
  RenewalOrder order;
  order.id = row.Int(0);
  if (!row.IsNull(1)) order.label = row.Text(1);
  order.issued_before = absl::FromUnixSeconds(row.Int(2));
  order.window_start = absl::FromUnixSeconds(row.Int(3));
  order.window_end = absl::FromUnixSeconds(row.Int(4));
  order.created_at = absl::FromUnixSeconds(row.Int(5));
  return order;
}

}  // namespace

absl::StatusOr<int64_t> InsertRenewalOrder(SqlConnection& database,
                                           const RenewalOrder& order) {
  if (order.window_end < order.window_start) {
    return absl::InvalidArgumentError(
        "the renewal window ends before it begins");
  }
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO renewal_orders (label, issued_before, window_start,"
      " window_end, created_at) VALUES (?, ?, ?, ?, ?) RETURNING id");
  if (!insert.ok()) return insert.status();
  return ReturnedId(insert->BindOrNull(order.label)
                        .Bind(order.issued_before)
                        .Bind(order.window_start)
                        .Bind(order.window_end)
                        .Bind(order.created_at));
}

absl::StatusOr<RenewalOrder> SelectRenewalOrder(
    SqlConnection& database, const CertificateRecord& record) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      absl::StrCat(kSelectOrders,
                   "WHERE (label IS NULL OR label = ?) AND issued_before > ?"
                   " ORDER BY id DESC LIMIT 1"));
  if (!query.ok()) return query.status();
  query->Bind(record.label).Bind(absl::ToUnixSeconds(record.issued_at));
  absl::Status status = query->ExpectRow("renewal order");
  if (!status.ok()) return status;
  return ReadOrder(*query);
}

absl::StatusOr<std::vector<RenewalOrder>> SelectRenewalOrders(
    SqlConnection& database, const Page& page) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      absl::StrCat(kSelectOrders, "WHERE id > ? ORDER BY id LIMIT ?"));
  if (!query.ok()) return query.status();
  query->Bind(page.after_id).Bind(static_cast<int64_t>(page.limit));
  std::vector<RenewalOrder> orders;
  absl::Status status = query->ForEachRow([&] {
    orders.push_back(ReadOrder(*query));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return orders;
}

}  // namespace bestow::server
