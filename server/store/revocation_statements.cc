#include "server/store/revocation_statements.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/audit_statements.h"
#include "server/store/certificate_statements.h"

namespace bestow::server {
namespace {

bool IsHold(const CertificateRecord& record) {
  return record.revocation.has_value() &&
         record.revocation->reason == RevocationReason::kCertificateHold;
}

// What the order names, whatever its state. Also what has expired: a label may
// still renew it (its time of grace), and a key stays compromised. Of an
// identity without those that were renewed: their renewals answer for them.
absl::StatusOr<std::vector<CertificateRecord>> SelectMeant(
    SqlConnection& database, const RevokeOrder& order) {
  std::string sql;
  if (!order.serial.empty()) sql = SelectCertificates("c.serial = ?");
  if (!order.identity.empty()) {
    sql = SelectCertificatesByBlock(absl::StrCat(
        kOfTheNamed,
        " AND (c.not_after >= ? OR c.id IN (SELECT max(k.id)"
        " FROM block CROSS JOIN certificates k WHERE k.id >> 10 = block.n"
        " AND k.identity_id = (SELECT id FROM identities WHERE name = ?)"
        " GROUP BY coalesce(k.first_id, k.id)))"));
  }
  if (!order.key_sha256.empty()) {
    sql = SelectCertificatesByBlock("c.key_sha256 = ?");
  }
  absl::StatusOr<SqlStatement> query =
      database.Prepare(absl::StrCat(sql, " ORDER BY c.id"));
  if (!query.ok()) return query.status();
  if (!order.serial.empty()) query->Bind(ByteView(order.serial));
  if (!order.identity.empty()) {
    query->Bind(order.identity).Bind(order.revocation.at).Bind(order.identity);
  }
  if (!order.key_sha256.empty()) query->Bind(ByteView(order.key_sha256));
  return ReadCertificates(*query);
}

bool Applies(const RevokeOrder& order, const CertificateRecord& record) {
  if (order.release) return IsHold(record);
  if (!record.revocation.has_value()) return true;
  return IsHold(record) &&
         order.revocation.reason != RevocationReason::kCertificateHold;
}

absl::Status Apply(SqlConnection& database, const RevokeOrder& order,
                   CertificateRecord& record) {
  if (order.release) {
    record.revocation.reset();
  } else {
    // A hold that becomes final was not to be trusted since it was one.
    const absl::Time at =
        IsHold(record) ? record.revocation->at : order.revocation.at;
    record.revocation = order.revocation;
    record.revocation->at = at;
  }
  absl::StatusOr<SqlStatement> update = database.Prepare(
      "UPDATE certificates SET revoked_at = ?, revocation_reason = ?,"
      " invalidity_date = ?, revocation_changed_at = ? WHERE id = ?");
  if (!update.ok()) return update.status();
  std::optional<absl::Time> at, invalidity_date;
  std::optional<int64_t> reason;
  if (record.revocation.has_value()) {
    at = record.revocation->at;
    reason = static_cast<int64_t>(record.revocation->reason);
    invalidity_date = record.revocation->invalidity_date;
  }
  absl::Status status = update->BindOrNull(at)
                            .BindOrNull(reason)
                            .BindOrNull(invalidity_date)
                            .Bind(order.revocation.at)
                            .Bind(record.id)
                            .Run();
  if (!status.ok()) return status;
  AuditEntry entry = order.audit;
  entry.serial = record.serial;
  if (entry.subject.empty()) entry.subject = record.identity;
  if (entry.label.empty()) entry.label = record.label;
  return AppendAudit(database, std::move(entry));
}

absl::Status CheckOrder(const RevokeOrder& order) {
  if (!order.serial.empty() + !order.identity.empty() +
          !order.key_sha256.empty() !=
      1) {
    return absl::InvalidArgumentError(
        "a revocation names a serial number, an identity or a key: one of "
        "them");
  }
  if (!order.release &&
      order.revocation.reason == RevocationReason::kRemoveFromCrl) {
    return absl::InvalidArgumentError(
        "removeFromCRL is no reason to revoke: release the hold");
  }
  return absl::OkStatus();
}

absl::Status NothingToDo(const RevokeOrder& order, bool any) {
  if (!any) {
    return absl::NotFoundError("there is no such certificate");
  }
  return absl::NotFoundError(order.release ? "no such certificate is on hold"
                                           : "revoked already");
}

StoredCrl ReadCrl(const SqlStatement& row) {
  StoredCrl crl;
  crl.issuer_key_id = row.Blob(0);
  crl.number = row.Int(1);
  if (!row.IsNull(2)) crl.base_number = row.Int(2);
  crl.this_update = row.Time(3);
  crl.next_update = row.Time(4);
  crl.der = row.Blob(5);
  return crl;
}

bool IsDelta(const StoredCrl& crl) { return crl.base_number.has_value(); }

absl::Status CheckIssuedTogether(const std::vector<StoredCrl>& crls) {
  if (crls.size() == 1) return absl::OkStatus();
  if (crls.size() == 2 && !IsDelta(crls[0]) && IsDelta(crls[1]) &&
      crls[0].number == crls[1].number &&
      crls[0].issuer_key_id == crls[1].issuer_key_id) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "not a full CRL, a delta, or both of one key under one number");
}

absl::Status CheckGrows(SqlConnection& database, const StoredCrl& crl) {
  absl::StatusOr<SqlStatement> newest = database.Prepare(
      "SELECT number FROM crls WHERE issuer_key_id = ?"
      " ORDER BY number DESC LIMIT 1");
  if (!newest.ok()) return newest.status();
  absl::StatusOr<bool> row = newest->Bind(ByteView(crl.issuer_key_id)).Step();
  if (!row.ok()) return row.status();
  if (!*row || newest->Int(0) < crl.number) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat("CRL number ", newest->Int(0),
                                               " is there already; ",
                                               crl.number, " would go back"));
}

absl::Status InsertOne(SqlConnection& database, const StoredCrl& crl) {
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO crls (issuer_key_id, number, base_number, this_update,"
      " next_update, der) VALUES (?, ?, ?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  return insert->Bind(ByteView(crl.issuer_key_id))
      .Bind(crl.number)
      .BindOrNull(crl.base_number)
      .Bind(crl.this_update)
      .Bind(crl.next_update)
      .Bind(ByteView(crl.der))
      .Run();
}

// With a hundred thousand revoked certificates each CRL has megabytes.
absl::Status RemoveOlder(SqlConnection& database, const StoredCrl& issued) {
  absl::StatusOr<SqlStatement> full = database.Prepare(
      "SELECT number FROM crls WHERE issuer_key_id = ?"
      " AND base_number IS NULL ORDER BY number DESC LIMIT 1");
  if (!full.ok()) return full.status();
  absl::StatusOr<bool> row = full->Bind(ByteView(issued.issuer_key_id)).Step();
  if (!row.ok()) return row.status();
  const int64_t newest_full = *row ? full->Int(0) : 0;
  absl::StatusOr<SqlStatement> remove = database.Prepare(
      "DELETE FROM crls WHERE issuer_key_id = ? AND number < ?"
      " AND (base_number IS NOT NULL OR number NOT IN (?, ?))");
  if (!remove.ok()) return remove.status();
  return remove->Bind(ByteView(issued.issuer_key_id))
      .Bind(issued.number)
      .Bind(newest_full)
      .Bind(issued.base_number.value_or(newest_full))
      .Run();
}

}  // namespace

absl::StatusOr<std::vector<CertificateRecord>> UpdateRevoked(
    SqlConnection& database, const RevokeOrder& order) {
  absl::Status status = CheckOrder(order);
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<CertificateRecord>> meant =
      SelectMeant(database, order);
  if (!meant.ok()) return meant.status();
  std::vector<CertificateRecord> changed;
  for (CertificateRecord& record : *meant) {
    if (!Applies(order, record)) continue;
    status = Apply(database, order, record);
    if (!status.ok()) return status;
    changed.push_back(std::move(record));
  }
  if (changed.empty()) return NothingToDo(order, !meant->empty());
  return changed;
}

absl::StatusOr<std::vector<RevokedCertificate>> SelectRevoked(
    SqlConnection& database, ByteView issuer_key_id, absl::Time now,
    std::optional<absl::Time> changed_since) {
  absl::Time live_at = now;
  absl::StatusOr<SqlStatement> last_full = database.Prepare(
      "SELECT this_update FROM crls WHERE issuer_key_id = ?"
      " AND base_number IS NULL ORDER BY number DESC LIMIT 1");
  if (!last_full.ok()) return last_full.status();
  absl::StatusOr<bool> row = last_full->Bind(issuer_key_id).Step();
  if (!row.ok()) return row.status();
  if (*row) live_at = std::min(live_at, last_full->Time(0));

  // revocation_changed_at is set for all that were ever revoked.
  absl::StatusOr<SqlStatement> query = database.Prepare(
      changed_since.has_value()
          ? "SELECT serial, revoked_at, revocation_reason, invalidity_date,"
            " revocation_changed_at FROM certificates"
            " WHERE issuer_key_id = ? AND revocation_changed_at >= ?"
            " AND not_after >= ? ORDER BY serial"
          : "SELECT serial, revoked_at, revocation_reason, invalidity_date,"
            " revocation_changed_at FROM certificates"
            " WHERE issuer_key_id = ? AND revoked_at IS NOT NULL"
            " AND not_after >= ? ORDER BY serial");
  if (!query.ok()) return query.status();
  query->Bind(issuer_key_id);
  if (changed_since.has_value()) query->Bind(*changed_since);
  query->Bind(live_at);
  std::vector<RevokedCertificate> revoked;
  absl::Status status = query->ForEachRow([&] {
    RevokedCertificate entry;
    entry.serial = query->Blob(0);
    if (query->IsNull(1)) {
      entry.revocation.at = query->Time(4);
      entry.revocation.reason = RevocationReason::kRemoveFromCrl;
    } else {
      entry.revocation.at = query->Time(1);
      entry.revocation.reason = static_cast<RevocationReason>(query->Int(2));
      entry.revocation.invalidity_date = query->OptionalTime(3);
    }
    revoked.push_back(std::move(entry));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return revoked;
}

absl::StatusOr<std::optional<absl::Time>> SelectLastExpiry(
    SqlConnection& database, ByteView issuer_key_id) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT max(not_after) FROM certificates WHERE issuer_key_id = ?"
      " AND operation <> 'ocsp'");
  if (!query.ok()) return query.status();
  // One row, whatever there is; NULL of nothing.
  absl::Status status = query->Bind(issuer_key_id).ExpectRow("maximum");
  if (!status.ok()) return status;
  return query->OptionalTime(0);
}

absl::StatusOr<StoredCrl> SelectCrl(SqlConnection& database,
                                    ByteView issuer_key_id, bool delta) {
  absl::StatusOr<SqlStatement> query = database.Prepare(absl::StrCat(
      "SELECT issuer_key_id, number, base_number, this_update, next_update, der"
      " FROM crls WHERE issuer_key_id = ? AND base_number ",
      delta ? "IS NOT NULL" : "IS NULL", " ORDER BY number DESC LIMIT 1"));
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(issuer_key_id).ExpectRow("CRL");
  if (!status.ok()) return status;
  return ReadCrl(*query);
}

absl::Status InsertCrls(SqlConnection& database,
                        const std::vector<StoredCrl>& crls) {
  absl::Status status = CheckIssuedTogether(crls);
  if (!status.ok()) return status;
  const StoredCrl& issued = crls.back();
  status = CheckGrows(database, issued);
  for (const StoredCrl& crl : crls) {
    if (status.ok()) status = InsertOne(database, crl);
  }
  if (!status.ok()) return status;
  return RemoveOlder(database, issued);
}

}  // namespace bestow::server
