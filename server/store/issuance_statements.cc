#include "server/store/issuance_statements.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/identity_statements.h"
#include "server/store/pending_statements.h"
#include "server/store/secret_statements.h"

namespace bestow::server {
namespace {

constexpr char kSelectCertificates[] =
    "SELECT c.serial, c.identity_id, i.name, c.operation, c.subject,"
    " c.not_before, c.not_after, c.issued_at, c.key_sha256, c.certificate,"
    " c.label, c.server_key, c.subject_key_id"
    " FROM certificates c JOIN identities i ON i.id = c.identity_id ";

CertificateRecord ReadCertificate(const Statement& row) {
  CertificateRecord record;
  record.serial = row.Blob(0);
  record.identity_id = row.Int(1);
  record.identity = row.Text(2);
  record.operation = row.Text(3);
  record.subject = row.Text(4);
  record.not_before = absl::FromUnixSeconds(row.Int(5));
  record.not_after = absl::FromUnixSeconds(row.Int(6));
  record.issued_at = absl::FromUnixSeconds(row.Int(7));
  record.key_sha256 = row.Blob(8);
  record.certificate = row.Blob(9);
  record.label = row.Text(10);
  record.server_key = row.Int(11) != 0;
  record.subject_key_id = row.Blob(12);
  return record;
}

absl::StatusOr<int64_t> InsertCertificate(Database& database,
                                          const CertificateRecord& record) {
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO certificates (serial, identity_id, operation, subject,"
      " not_before, not_after, issued_at, key_sha256, certificate, label,"
      " server_key, subject_key_id)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  absl::Status status = insert->Bind(ByteView(record.serial))
                            .Bind(record.identity_id)
                            .Bind(record.operation)
                            .Bind(record.subject)
                            .Bind(absl::ToUnixSeconds(record.not_before))
                            .Bind(absl::ToUnixSeconds(record.not_after))
                            .Bind(absl::ToUnixSeconds(record.issued_at))
                            .Bind(ByteView(record.key_sha256))
                            .Bind(ByteView(record.certificate))
                            .Bind(record.label)
                            .Bind(int64_t{record.server_key})
                            .Bind(ByteView(record.subject_key_id))
                            .Run();
  if (!status.ok()) return status;
  return database.last_insert_id();
}

}  // namespace

absl::StatusOr<CertificateRecord> SelectCertificate(Database& database,
                                                    ByteView serial) {
  absl::StatusOr<Statement> query =
      database.Prepare(absl::StrCat(kSelectCertificates, "WHERE c.serial = ?"));
  if (!query.ok()) return query.status();
  absl::Status status = ExpectRow(query->Bind(serial), "certificate");
  if (!status.ok()) return status;
  return ReadCertificate(*query);
}

absl::StatusOr<CertificateRecord> SelectCertificateByKey(
    Database& database, int64_t identity_id, ByteView key_sha256_or_key_id) {
  // A certificate without the extension has an empty one, which nobody names.
  if (key_sha256_or_key_id.empty()) {
    return absl::NotFoundError("no such certificate");
  }
  absl::StatusOr<Statement> query = database.Prepare(absl::StrCat(
      kSelectCertificates,
      "WHERE c.identity_id = ? AND (c.key_sha256 = ? OR c.subject_key_id = ?)"
      " ORDER BY c.id DESC LIMIT 1"));
  if (!query.ok()) return query.status();
  query->Bind(identity_id)
      .Bind(key_sha256_or_key_id)
      .Bind(key_sha256_or_key_id);
  absl::Status status = ExpectRow(*query, "certificate");
  if (!status.ok()) return status;
  return ReadCertificate(*query);
}

absl::Status SelectAllCertificates(
    Database& database,
    const std::function<void(const CertificateRecord&)>& visit) {
  absl::StatusOr<Statement> query =
      database.Prepare(absl::StrCat(kSelectCertificates, "ORDER BY c.id"));
  if (!query.ok()) return query.status();
  for (;;) {
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    visit(ReadCertificate(*query));
  }
}

absl::StatusOr<Issued> InsertIssuance(Database& database, Issuance issuance) {
  CertificateRecord& record = issuance.record;
  if (record.identity_id == 0) {
    absl::StatusOr<int64_t> id = RegisterIdentity(
        database, record.identity, record.label, record.issued_at);
    if (!id.ok()) return id.status();
    record.identity_id = *id;
  }
  if (issuance.secret_id.has_value()) {
    absl::StatusOr<std::optional<Issued>> repeated =
        RepeatForSecret(database, issuance);
    if (!repeated.ok()) return repeated.status();
    if (repeated->has_value()) return **std::move(repeated);
  }
  if (issuance.pending_id.has_value()) {
    absl::StatusOr<std::optional<Issued>> repeated =
        RepeatForPending(database, issuance);
    if (!repeated.ok()) return repeated.status();
    if (repeated->has_value()) return **std::move(repeated);
  }
  absl::StatusOr<int64_t> certificate_id = InsertCertificate(database, record);
  if (!certificate_id.ok()) return certificate_id.status();
  if (issuance.secret_id.has_value()) {
    absl::Status status = BindSecret(database, issuance, *certificate_id);
    if (!status.ok()) return status;
  }
  if (issuance.pending_id.has_value()) {
    absl::Status status = TakePending(database, issuance, *certificate_id);
    if (!status.ok()) return status;
  }
  return Issued{record.certificate, /*repeated=*/false};
}

}  // namespace bestow::server
