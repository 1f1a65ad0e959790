#include "server/store/certificate_statements.h"

#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/certificate_blocks.h"

namespace bestow::server {

namespace {

constexpr char kColumns[] =
    "SELECT c.serial, c.identity_id, i.name, c.operation, c.subject,"
    " c.not_before, c.not_after, c.issued_at, c.key_sha256, c.certificate,"
    " c.label, c.server_key, c.subject_key_id, c.id, c.issuer_key_id,"
    " c.revoked_at, c.revocation_reason, c.invalidity_date ";
constexpr char kJoined[] = " JOIN identities i ON i.id = c.identity_id ";

CertificateRecord ReadCertificate(const SqlStatement& row) {
  CertificateRecord record;
  record.serial = row.Blob(0);
  record.identity_id = row.Int(1);
  record.identity = row.Text(2);
  record.operation = row.Text(3);
  record.subject = row.Text(4);
  record.not_before = row.Time(5);
  record.not_after = row.Time(6);
  record.issued_at = row.Time(7);
  record.key_sha256 = row.Blob(8);
  record.certificate = row.Blob(9);
  record.label = row.Text(10);
  record.server_key = row.Int(11) != 0;
  record.subject_key_id = row.Blob(12);
  record.id = row.Int(13);
  record.issuer_key_id = row.Blob(14);
  if (!row.IsNull(15)) {
    record.revocation =
        Revocation{row.Time(15), static_cast<RevocationReason>(row.Int(16)),
                   row.OptionalTime(17)};
  }
  return record;
}

// The least octet string above all that begin with `prefix`; empty: none is.
Bytes EndOfPrefix(Bytes prefix) {
  while (!prefix.empty() && prefix.back() == 0xff) prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

// A WHERE that is put together, and what is to be bound for it.
class Conditions {
 public:
  template <typename Value>
  void Add(std::string_view condition, Value value) {
    absl::StrAppend(&text_, text_.empty() ? "" : " AND ", condition);
    binders_.push_back([value = std::move(value)](SqlStatement& query) {
      if constexpr (std::is_same_v<Value, Bytes>) {
        query.Bind(ByteView(value));
      } else {
        query.Bind(value);
      }
    });
  }
  void Add(std::string_view condition) {
    absl::StrAppend(&text_, text_.empty() ? "" : " AND ", condition);
  }
  const std::string& text() const { return text_; }
  void BindTo(SqlStatement& query) const {
    for (const auto& bind : binders_) bind(query);
  }

 private:
  std::string text_;
  std::vector<std::function<void(SqlStatement&)>> binders_;
};

Conditions ConditionsOf(const CertificateFilter& filter, const Page& page) {
  Conditions where;
  where.Add("c.id > ?", page.after_id);
  if (filter.identity.has_value()) {
    where.Add(kOfTheNamed, *filter.identity);
  }
  if (filter.label.has_value()) where.Add("c.label = ?", *filter.label);
  if (!filter.serial_prefix.empty()) {
    where.Add("c.serial >= ?", filter.serial_prefix);
    const Bytes end = EndOfPrefix(filter.serial_prefix);
    if (!end.empty()) where.Add("c.serial < ?", end);
  }
  if (!filter.key_sha256.empty()) {
    where.Add("c.key_sha256 = ?", filter.key_sha256);
  }
  switch (filter.state) {
    case CertificateState::kAny:
      break;
    case CertificateState::kValid:
      where.Add("c.revoked_at IS NULL");
      where.Add("c.not_after >= ?", filter.now);
      break;
    case CertificateState::kExpired:
      where.Add("c.revoked_at IS NULL");
      where.Add("c.not_after < ?", filter.now);
      break;
    case CertificateState::kRevoked:
      where.Add("c.revoked_at IS NOT NULL");
      break;
  }
  if (filter.expires_before.has_value()) {
    where.Add("c.not_after >= ?", filter.now);
    where.Add("c.not_after < ?", *filter.expires_before);
  }
  return where;
}

}  // namespace

std::string SelectCertificates(std::string_view condition) {
  return absl::StrCat(kColumns, "FROM certificates c", kJoined, "WHERE ",
                      condition);
}

std::string SelectCertificatesByBlock(std::string_view condition) {
  return absl::StrCat(kWithBlocks, kColumns,
                      "FROM block CROSS JOIN certificates c", kJoined,
                      "WHERE c.id >> 10 = block.n AND ", condition);
}

absl::StatusOr<std::vector<CertificateRecord>> ReadCertificates(
    SqlStatement& query) {
  std::vector<CertificateRecord> records;
  absl::Status status = query.ForEachRow([&] {
    records.push_back(ReadCertificate(query));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return records;
}

absl::StatusOr<CertificateRecord> SelectCertificate(SqlConnection& database,
                                                    ByteView serial) {
  absl::StatusOr<SqlStatement> query =
      database.Prepare(SelectCertificates("c.serial = ?"));
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(serial).ExpectRow("certificate");
  if (!status.ok()) return status;
  return ReadCertificate(*query);
}

absl::StatusOr<CertificateRecord> SelectCertificateByKey(
    SqlConnection& database, int64_t identity_id,
    ByteView key_sha256_or_key_id) {
  // A certificate without the extension has an empty one, which nobody names.
  if (key_sha256_or_key_id.empty()) {
    return absl::NotFoundError("no such certificate");
  }
  // Two lookups in two indexes; the "+ 0" keeps the first from the identity's.
  absl::StatusOr<SqlStatement> query = database.Prepare(absl::StrCat(
      kWithBlocks, kColumns, "FROM certificates c", kJoined,
      "WHERE c.id = (SELECT max(id) FROM ("
      "SELECT max(c.id) AS id FROM block CROSS JOIN certificates c"
      " WHERE c.id >> 10 = block.n AND c.key_sha256 = ?"
      " AND c.identity_id + 0 = ?"
      " UNION ALL SELECT max(c.id) AS id FROM block CROSS JOIN certificates c"
      " WHERE c.id >> 10 = block.n AND c.subject_key_id = ?"
      " AND c.identity_id = ?) AS found)"));
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(key_sha256_or_key_id)
                            .Bind(identity_id)
                            .Bind(key_sha256_or_key_id)
                            .Bind(identity_id)
                            .ExpectRow("certificate");
  if (!status.ok()) return status;
  return ReadCertificate(*query);
}

absl::StatusOr<std::vector<CertificateRecord>> SelectCertificatePage(
    SqlConnection& database, const CertificateFilter& filter,
    const Page& page) {
  const Conditions where = ConditionsOf(filter, page);
  const bool by_block =
      filter.identity.has_value() || !filter.key_sha256.empty();
  absl::StatusOr<SqlStatement> query = database.Prepare(
      absl::StrCat(by_block ? SelectCertificatesByBlock(where.text())
                            : SelectCertificates(where.text()),
                   " ORDER BY c.id", by_block ? " + 0" : "", " LIMIT ?"));
  if (!query.ok()) return query.status();
  where.BindTo(*query);
  query->Bind(static_cast<int64_t>(page.limit));
  return ReadCertificates(*query);
}

}  // namespace bestow::server
