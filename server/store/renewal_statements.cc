#include "server/store/renewal_statements.h"

#include "absl/strings/str_cat.h"
#include "server/store/identity_statements.h"

namespace bestow::server {
namespace {

constexpr char kSelectOrders[] =
    "SELECT id, label, issued_before, window_start, window_end, created_at"
    " FROM renewal_orders ";

RenewalOrder ReadOrder(const Statement& row) {
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

absl::StatusOr<int64_t> InsertRenewalOrder(Database& database,
                                           const RenewalOrder& order) {
  if (order.window_end < order.window_start) {
    return absl::InvalidArgumentError(
        "the renewal window ends before it begins");
  }
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO renewal_orders (label, issued_before, window_start,"
      " window_end, created_at) VALUES (?, ?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  if (order.label.has_value()) {
    insert->Bind(*order.label);
  } else {
    insert->BindNull();
  }
  absl::Status status = insert->Bind(absl::ToUnixSeconds(order.issued_before))
                            .Bind(absl::ToUnixSeconds(order.window_start))
                            .Bind(absl::ToUnixSeconds(order.window_end))
                            .Bind(absl::ToUnixSeconds(order.created_at))
                            .Run();
  if (!status.ok()) return status;
  return database.last_insert_id();
}

absl::StatusOr<RenewalOrder> SelectRenewalOrder(
    Database& database, const CertificateRecord& record) {
  absl::StatusOr<Statement> query = database.Prepare(
      absl::StrCat(kSelectOrders,
                   "WHERE (label IS NULL OR label = ?) AND issued_before > ?"
                   " ORDER BY id DESC LIMIT 1"));
  if (!query.ok()) return query.status();
  query->Bind(record.label).Bind(absl::ToUnixSeconds(record.issued_at));
  absl::Status status = ExpectRow(*query, "renewal order");
  if (!status.ok()) return status;
  return ReadOrder(*query);
}

absl::Status SelectAllRenewalOrders(
    Database& database, const std::function<void(const RenewalOrder&)>& visit) {
  absl::StatusOr<Statement> query =
      database.Prepare(absl::StrCat(kSelectOrders, "ORDER BY id"));
  if (!query.ok()) return query.status();
  for (;;) {
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    visit(ReadOrder(*query));
  }
}

}  // namespace bestow::server
