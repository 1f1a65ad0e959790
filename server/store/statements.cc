#include "server/store/statements.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr char kSelectCertificates[] =
    "SELECT c.serial, c.identity_id, i.name, c.operation, c.subject,"
    " c.not_before, c.not_after, c.issued_at, c.key_sha256, c.certificate"
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
  return record;
}

// Steps to the first row; kNotFound with `what` when there is none.
absl::Status ExpectRow(Statement& query, std::string_view what) {
  absl::StatusOr<bool> row = query.Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError(absl::StrCat("no such ", what));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> FindOrInsertIdentity(Database& database,
                                             const std::string& name,
                                             absl::Time now) {
  absl::StatusOr<Identity> identity = SelectIdentity(database, name);
  if (identity.ok()) return identity->id;
  if (!absl::IsNotFound(identity.status())) return identity.status();
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO identities (name, created_at) VALUES (?, ?)");
  if (!insert.ok()) return insert.status();
  absl::Status status = insert->Bind(name).Bind(absl::ToUnixSeconds(now)).Run();
  if (!status.ok()) return status;
  return database.last_insert_id();
}

absl::StatusOr<int64_t> InsertCertificate(Database& database,
                                          const CertificateRecord& record) {
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO certificates (serial, identity_id, operation, subject,"
      " not_before, not_after, issued_at, key_sha256, certificate)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
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
                            .Run();
  if (!status.ok()) return status;
  return database.last_insert_id();
}

// nullopt: the secret is free and may be bound now.
absl::StatusOr<std::optional<Issued>> RepeatForSecret(
    Database& database, const Issuance& issuance) {
  absl::StatusOr<Statement> query = database.Prepare(
      "SELECT s.bound_key_sha256, s.bound_at, s.expires_at, c.certificate"
      " FROM secrets s LEFT JOIN certificates c ON c.id = s.certificate_id"
      " WHERE s.id = ? AND s.identity_id = ?");
  if (!query.ok()) return query.status();
  query->Bind(*issuance.secret_id).Bind(issuance.record.identity_id);
  absl::Status status = ExpectRow(*query, "one-time secret");
  if (!status.ok()) return status;
  const absl::Time now = issuance.record.issued_at;
  if (query->IsNull(0)) {
    if (now >= absl::FromUnixSeconds(query->Int(2))) {
      return absl::PermissionDeniedError(
          "the one-time secret has expired unused");
    }
    return std::nullopt;
  }
  if (query->Blob(0) != issuance.record.key_sha256) {
    return absl::PermissionDeniedError(
        "the one-time secret has served another key");
  }
  if (now >=
      absl::FromUnixSeconds(query->Int(1)) + issuance.secret_retry_window) {
    return absl::PermissionDeniedError(
        "the one-time secret was used, and its time to be repeated is over");
  }
  return Issued{query->Blob(3), /*repeated=*/true};
}

}  // namespace

absl::StatusOr<Identity> SelectIdentity(Database& database,
                                        const std::string& name) {
  absl::StatusOr<Statement> query = database.Prepare(
      "SELECT id, name, password FROM identities WHERE name = ?");
  if (!query.ok()) return query.status();
  absl::Status status = ExpectRow(query->Bind(name), "identity");
  if (!status.ok()) return status;
  return Identity{query->Int(0), query->Text(1), query->Text(2)};
}

absl::StatusOr<SecretRecord> SelectSecret(Database& database,
                                          int64_t identity_id,
                                          ByteView secret_sha256) {
  absl::StatusOr<Statement> query = database.Prepare(
      "SELECT id, identity_id, expires_at FROM secrets"
      " WHERE secret_sha256 = ? AND identity_id = ?");
  if (!query.ok()) return query.status();
  absl::Status status = ExpectRow(query->Bind(secret_sha256).Bind(identity_id),
                                  "one-time secret");
  if (!status.ok()) return status;
  return SecretRecord{query->Int(0), query->Int(1),
                      absl::FromUnixSeconds(query->Int(2))};
}

absl::StatusOr<CertificateRecord> SelectCertificate(Database& database,
                                                    ByteView serial) {
  absl::StatusOr<Statement> query =
      database.Prepare(absl::StrCat(kSelectCertificates, "WHERE c.serial = ?"));
  if (!query.ok()) return query.status();
  absl::Status status = ExpectRow(query->Bind(serial), "certificate");
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

absl::Status UpsertPassword(Database& database, const std::string& name,
                            const std::string& password_hash, bool replace,
                            absl::Time now) {
  absl::StatusOr<int64_t> id = FindOrInsertIdentity(database, name, now);
  if (!id.ok()) return id.status();
  absl::StatusOr<Identity> identity = SelectIdentity(database, name);
  if (!identity.ok()) return identity.status();
  if (!identity->password_hash.empty() && !replace) {
    return absl::AlreadyExistsError(
        absl::StrCat(name, " already has a password"));
  }
  absl::StatusOr<Statement> update =
      database.Prepare("UPDATE identities SET password = ? WHERE id = ?");
  if (!update.ok()) return update.status();
  return update->Bind(password_hash).Bind(*id).Run();
}

absl::Status InsertSecret(Database& database, const std::string& name,
                          ByteView secret_sha256, absl::Time now,
                          absl::Time expires_at) {
  absl::StatusOr<int64_t> id = FindOrInsertIdentity(database, name, now);
  if (!id.ok()) return id.status();
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO secrets (identity_id, secret_sha256, created_at,"
      " expires_at) VALUES (?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  return insert->Bind(*id)
      .Bind(secret_sha256)
      .Bind(absl::ToUnixSeconds(now))
      .Bind(absl::ToUnixSeconds(expires_at))
      .Run();
}

absl::StatusOr<Issued> InsertIssuance(Database& database,
                                      const Issuance& issuance) {
  if (issuance.secret_id.has_value()) {
    absl::StatusOr<std::optional<Issued>> repeated =
        RepeatForSecret(database, issuance);
    if (!repeated.ok()) return repeated.status();
    if (repeated->has_value()) return **std::move(repeated);
  }
  absl::StatusOr<int64_t> certificate_id =
      InsertCertificate(database, issuance.record);
  if (!certificate_id.ok()) return certificate_id.status();
  if (issuance.secret_id.has_value()) {
    absl::StatusOr<Statement> bind = database.Prepare(
        "UPDATE secrets SET bound_key_sha256 = ?, bound_at = ?,"
        " certificate_id = ? WHERE id = ?");
    if (!bind.ok()) return bind.status();
    absl::Status status =
        bind->Bind(ByteView(issuance.record.key_sha256))
            .Bind(absl::ToUnixSeconds(issuance.record.issued_at))
            .Bind(*certificate_id)
            .Bind(*issuance.secret_id)
            .Run();
    if (!status.ok()) return status;
  }
  return Issued{issuance.record.certificate, /*repeated=*/false};
}

}  // namespace bestow::server
