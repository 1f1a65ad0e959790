#include "server/store/schema.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/failpoint.h"
#include "common/pki/certificate.h"

namespace bestow::server {
namespace {

// One text for both engines: see Translate() for the words with a dollar.
//
// Times are seconds since 1970; hashes are SHA-256, raw. A secret is bound
// when bound_key_sha256 and bound_at are set, together with certificate_id, or
// before that where another CA is asked for the certificate.
constexpr char kVersion1[] = R"sql(
CREATE TABLE identities (
  id         $ID,
  name       TEXT NOT NULL UNIQUE,
  password   TEXT,              -- scrypt, see auth/password.h; NULL: none
  created_at $INT NOT NULL
)$STRICT;

CREATE TABLE certificates (
  id          $ID,
  serial      $BLOB NOT NULL UNIQUE,
  identity_id $INT NOT NULL REFERENCES identities (id),
  operation   TEXT NOT NULL,
  subject     TEXT NOT NULL,
  not_before  $INT NOT NULL,
  not_after   $INT NOT NULL,
  issued_at   $INT NOT NULL,
  key_sha256  $BLOB NOT NULL,
  certificate $BLOB NOT NULL
)$STRICT;
CREATE INDEX certificates_by_identity ON certificates (identity_id);
CREATE INDEX certificates_by_key ON certificates (key_sha256);

CREATE TABLE secrets (
  id               $ID,
  identity_id      $INT NOT NULL REFERENCES identities (id),
  secret_sha256    $BLOB NOT NULL UNIQUE,
  created_at       $INT NOT NULL,
  expires_at       $INT NOT NULL,
  bound_key_sha256 $BLOB,
  bound_at         $INT,
  certificate_id   $INT REFERENCES certificates (id)
)$STRICT;
)sql";

// What there was before is good for the service without a label. "Sealed" is
// by auth/sealed_secret.h. States and labels: see records.h; label NULL of an
// order: every service's.
constexpr char kToVersion2[] = R"sql(
ALTER TABLE identities ADD COLUMN is_ra $INT NOT NULL DEFAULT 0;

CREATE TABLE identity_labels (
  identity_id $INT NOT NULL REFERENCES identities (id),
  label       TEXT NOT NULL,
  PRIMARY KEY (identity_id, label)
)$WITHOUT_ROWID;
INSERT INTO identity_labels (identity_id, label)
  SELECT id, '' FROM identities;

CREATE TABLE digest_secrets (
  id          $ID,
  identity_id $INT NOT NULL REFERENCES identities (id),
  secret_id   $INT REFERENCES secrets (id),  -- NULL: of the password
  realm       TEXT NOT NULL,
  algorithm   TEXT NOT NULL,
  sealed_ha1  $BLOB NOT NULL
)$STRICT;
CREATE INDEX digest_secrets_by_identity ON digest_secrets (identity_id);

CREATE TABLE pre_shared_keys (
  id             $ID,
  key_identifier $BLOB NOT NULL UNIQUE,
  identity_id    $INT NOT NULL REFERENCES identities (id),
  sealed_key     $BLOB NOT NULL,
  created_at     $INT NOT NULL
)$STRICT;

ALTER TABLE certificates ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN server_key $INT NOT NULL DEFAULT 0;
ALTER TABLE certificates ADD COLUMN subject_key_id $BLOB NOT NULL DEFAULT $EMPTY;

CREATE TABLE pending_requests (
  id             $ID,
  label          TEXT NOT NULL,
  identity_id    $INT NOT NULL REFERENCES identities (id),
  key_sha256     $BLOB NOT NULL,
  subject_der    $BLOB NOT NULL,
  operation      TEXT NOT NULL,
  subject        TEXT NOT NULL,
  csr            $BLOB NOT NULL,
  created_at     $INT NOT NULL,
  expires_at     $INT NOT NULL,
  state          TEXT NOT NULL,
  reason         TEXT NOT NULL DEFAULT '',
  decided_at     $INT,
  certificate_id $INT REFERENCES certificates (id),
  UNIQUE (identity_id, label, operation, key_sha256, subject_der)
)$STRICT;
CREATE INDEX pending_by_label ON pending_requests (label, state);

CREATE TABLE renewal_orders (
  id            $ID,
  label         TEXT,
  issued_before $INT NOT NULL,
  window_start  $INT NOT NULL,
  window_end    $INT NOT NULL,
  created_at    $INT NOT NULL
)$STRICT;
)sql";

// An identity that was removed keeps its row. A full CRL and the delta of the
// same moment share a number. revocation_changed_at: when a
// certificate was last revoked or released. replaced_by: see version 4.
// settings: see settings_store.h; digest_nonces: see nonce_store.h.
constexpr char kToVersion3[] = R"sql(
ALTER TABLE identities ADD COLUMN removed_at $INT;

ALTER TABLE certificates ADD COLUMN issuer_key_id $BLOB NOT NULL DEFAULT $EMPTY;
ALTER TABLE certificates ADD COLUMN revoked_at $INT;
ALTER TABLE certificates ADD COLUMN revocation_reason $INT;
ALTER TABLE certificates ADD COLUMN invalidity_date $INT;
ALTER TABLE certificates ADD COLUMN revocation_changed_at $INT;
ALTER TABLE certificates ADD COLUMN replaced_by $INT REFERENCES certificates (id)
  DEFERRABLE INITIALLY IMMEDIATE;
DROP INDEX certificates_by_identity;
CREATE INDEX certificates_by_identity
  ON certificates (identity_id, label, not_after);
CREATE INDEX certificates_revoked ON certificates (issuer_key_id, serial)
  WHERE revoked_at IS NOT NULL;
CREATE INDEX certificates_by_issuer ON certificates (issuer_key_id, not_after);
CREATE INDEX certificates_changed
  ON certificates (issuer_key_id, revocation_changed_at)
  WHERE revocation_changed_at IS NOT NULL;

CREATE INDEX secrets_by_identity ON secrets (identity_id);
CREATE INDEX digest_secrets_by_secret ON digest_secrets (secret_id);
CREATE INDEX pre_shared_keys_by_identity ON pre_shared_keys (identity_id);
CREATE INDEX pending_by_expiry ON pending_requests (expires_at);

CREATE TABLE crls (
  id            $ID,
  issuer_key_id $BLOB NOT NULL,
  number        $INT NOT NULL,
  base_number   $INT,              -- NULL: a full one
  this_update   $INT NOT NULL,
  next_update   $INT NOT NULL,
  der           $BLOB NOT NULL
)$STRICT;
CREATE UNIQUE INDEX crls_full ON crls (issuer_key_id, number)
  WHERE base_number IS NULL;
CREATE UNIQUE INDEX crls_delta ON crls (issuer_key_id, number)
  WHERE base_number IS NOT NULL;

CREATE TABLE trust_anchors (
  id          $ID,
  label       TEXT NOT NULL,
  name        TEXT NOT NULL,
  certificate $BLOB NOT NULL,
  added_at    $INT NOT NULL,
  UNIQUE (label, name)
)$STRICT;

CREATE TABLE settings (
  name  TEXT NOT NULL PRIMARY KEY,
  value $BLOB NOT NULL
)$WITHOUT_ROWID;

CREATE TABLE digest_nonces (
  id         $BLOB NOT NULL PRIMARY KEY,
  highest    $INT NOT NULL,
  seen       $INT NOT NULL,
  expires_at $INT NOT NULL
)$WITHOUT_ROWID;
CREATE INDEX digest_nonces_by_expiry ON digest_nonces (expires_at);

CREATE TABLE audit_log (
  sequence $INT NOT NULL PRIMARY KEY,
  at_ms    $INT NOT NULL,
  actor    TEXT NOT NULL,
  source   TEXT NOT NULL,
  action   TEXT NOT NULL,
  outcome  TEXT NOT NULL,
  label    TEXT NOT NULL,
  subject  TEXT NOT NULL,
  detail   TEXT NOT NULL,
  serial   $BLOB NOT NULL,
  hash     $BLOB NOT NULL
)$STRICT;
)sql";

// What a record costs is to be the same whatever number there is already. A key
// is random: it would go to another page of a large index each time. So these
// two indexes are of blocks of 1024 certificates (certificate_blocks.h), and
// grow at their end, as that of serial numbers does (sign_certificate.h).
// certificates_compromised and certificates_revoked_in_line are empty but for
// what was revoked; nothing else is asked of keys and lines for an issuance.
// first_id: of the line of renewals that the certificate belongs to; NULL: it
// is the first. Of a line only the newest counts (live_statements.h). So a
// renewal writes nothing into what is there; no REFERENCES, for PostgreSQL
// would lock the row, which writes it.
constexpr char kToVersion4[] = R"sql(
ALTER TABLE certificates ADD COLUMN first_id $INT;
CREATE INDEX certificates_replaced ON certificates (replaced_by)
  WHERE replaced_by IS NOT NULL;
WITH RECURSIVE line (id, newest) AS (
  SELECT c.id, c.id FROM certificates c
    WHERE c.replaced_by IS NULL AND EXISTS (
      SELECT 1 FROM certificates p WHERE p.replaced_by = c.id)
  UNION SELECT c.id, line.newest
    FROM line JOIN certificates c ON c.replaced_by = line.id)
UPDATE certificates SET first_id = l.first_id
  FROM (SELECT line.id, f.first_id FROM line JOIN (
      SELECT newest, min(id) AS first_id FROM line GROUP BY newest) AS f
    ON f.newest = line.newest WHERE line.id <> f.first_id) AS l
  WHERE certificates.id = l.id;
DROP INDEX certificates_replaced;
ALTER TABLE certificates DROP COLUMN replaced_by;

DROP INDEX certificates_by_key;
DROP INDEX certificates_by_identity;
CREATE INDEX certificates_by_key ON certificates ((id >> 10), key_sha256);
CREATE INDEX certificates_by_identity
  ON certificates ((id >> 10), identity_id, not_after);
CREATE INDEX certificates_first ON certificates (identity_id)
  WHERE first_id IS NULL;
CREATE INDEX certificates_compromised ON certificates (key_sha256)
  WHERE revocation_reason IN (1, 2, 10);
CREATE INDEX certificates_revoked_in_line ON certificates (first_id)
  WHERE revocation_reason IS NOT NULL;
)sql";

constexpr char kAppendOnlySqlite[] = R"sql(
CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_log_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
)sql";

constexpr char kAppendOnlyPostgresql[] = R"sql(
CREATE FUNCTION bestow_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
CREATE TRIGGER audit_log_change BEFORE UPDATE OR DELETE OR TRUNCATE
ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION bestow_append_only();
)sql";

// The words of the DDL above in which the engines differ.
std::string Translate(const char* ddl, SqlDialect dialect) {
  if (dialect == SqlDialect::kSqlite) {
    return absl::StrReplaceAll(ddl,
                               {{"$ID", "INTEGER PRIMARY KEY"},
                                {"$INT", "INTEGER"},
                                {"$BLOB", "BLOB"},
                                {"$EMPTY", "x''"},
                                {"$STRICT", " STRICT"},
                                {"$WITHOUT_ROWID", " STRICT, WITHOUT ROWID"}});
  }
  return absl::StrReplaceAll(
      ddl, {{"$ID", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"},
            {"$INT", "BIGINT"},
            {"$BLOB", "BYTEA"},
            {"$EMPTY", "''"},
            {"$STRICT", ""},
            {"$WITHOUT_ROWID", ""}});
}

absl::StatusOr<int64_t> SelectNumber(SqlConnection& database,
                                     std::string_view sql) {
  absl::StatusOr<SqlStatement> query = database.Prepare(sql);
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> row = query->Step();
  if (!row.ok()) return row.status();
  return *row ? query->Int(0) : 0;
}

absl::Status SetVersion(SqlConnection& database) {
  if (database.dialect() == SqlDialect::kSqlite) {
    return database.Execute(
        absl::StrCat("PRAGMA user_version=", kSchemaVersion));
  }
  return database.Execute(absl::StrCat(
      "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL);"
      "DELETE FROM schema_version;"
      "INSERT INTO schema_version (version) VALUES (",
      kSchemaVersion, ")"));
}

// The columns that only the certificates themselves can fill. A page at a
// time, so that a large database costs no memory.
absl::Status FillKeyIds(SqlConnection& database) {
  constexpr int64_t kPageRows = 1000;
  int64_t after_id = 0;
  for (;;) {
    std::vector<std::pair<int64_t, Bytes>> page;
    absl::StatusOr<SqlStatement> query = database.Prepare(
        "SELECT id, certificate FROM certificates WHERE id > ?"
        " ORDER BY id LIMIT ?");
    if (!query.ok()) return query.status();
    absl::Status status = query->Bind(after_id).Bind(kPageRows).ForEachRow([&] {
      page.emplace_back(query->Int(0), query->Blob(1));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    if (page.empty()) return absl::OkStatus();
    after_id = page.back().first;
    for (const auto& [id, der] : page) {
      // One that does not parse can't be looked for by what is in it.
      absl::StatusOr<Certificate> certificate = ParseCertificateDer(der);
      if (!certificate.ok()) continue;
      absl::StatusOr<SqlStatement> update = database.Prepare(
          "UPDATE certificates SET subject_key_id = ?, issuer_key_id = ?"
          " WHERE id = ?");
      if (!update.ok()) return update.status();
      status = update->Bind(ByteView(certificate->subject_key_id))
                   .Bind(ByteView(certificate->authority_key_id))
                   .Bind(id)
                   .Run();
      if (!status.ok()) return status;
    }
  }
}

absl::Status ToVersion3(SqlConnection& database) {
  const SqlDialect dialect = database.dialect();
  absl::Status status = database.Execute(Translate(kToVersion3, dialect));
  if (status.ok()) {
    status = database.Execute(dialect == SqlDialect::kSqlite
                                  ? kAppendOnlySqlite
                                  : kAppendOnlyPostgresql);
  }
  if (status.ok()) status = FillKeyIds(database);
  return status;
}

// Inside a transaction. `from` is 0 for an empty database, or a version that
// CheckVersion let through.
absl::Status RunSteps(SqlConnection& database, int64_t from) {
  const SqlDialect dialect = database.dialect();
  absl::Status status;
  if (from < 1) status = database.Execute(Translate(kVersion1, dialect));
  if (status.ok() && from < 2) {
    status = database.Execute(Translate(kToVersion2, dialect));
  }
  if (status.ok() && from < 3) status = ToVersion3(database);
  if (status.ok()) status = database.Execute(Translate(kToVersion4, dialect));
  if (status.ok()) status = SetVersion(database);
  if (status.ok() && Failpoint("store.before_schema_commit")) {
    status = absl::InternalError("failpoint store.before_schema_commit");
  }
  return status;
}

absl::Status CheckVersion(int64_t version, const std::string& where) {
  if (version >= 1 && version <= kSchemaVersion) return absl::OkStatus();
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(where, " was written by a newer bestow-server (schema ",
                     version, "; this one knows ", kSchemaVersion,
                     "): run that version, nothing was changed"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(where, " is not a bestow-server database (schema ", version,
                   "): give the folder that `bestow-server init` made"));
}

}  // namespace

absl::StatusOr<int64_t> SchemaVersion(SqlConnection& database) {
  if (database.dialect() == SqlDialect::kSqlite) {
    return SelectNumber(database, "PRAGMA user_version");
  }
  absl::StatusOr<int64_t> tables = SelectNumber(
      database,
      "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname ="
      " current_schema() AND tablename IN ('schema_version', 'identities')");
  if (!tables.ok()) return tables.status();
  if (*tables == 0) return 0;
  if (*tables == 1) return -1;
  return SelectNumber(database, "SELECT max(version) FROM schema_version");
}

absl::Status SetWriteAhead(SqlConnection& database) {
  absl::StatusOr<SqlStatement> mode =
      database.Prepare("PRAGMA journal_mode=WAL");
  if (!mode.ok()) return mode.status();
  absl::Status status = mode->ExpectRow("journal mode");
  if (!status.ok()) return status;
  if (mode->Text(0) == "wal") return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "SQLite keeps no write-ahead log here (journal mode ", mode->Text(0),
      "): the state folder belongs on a local disk"));
}

absl::Status CreateSchema(SqlConnection& database) {
  if (database.dialect() == SqlDialect::kSqlite) {
    absl::Status status = SetWriteAhead(database);
    if (!status.ok()) return status;
  }
  return InWriteTransaction(database, [&] { return RunSteps(database, 0); });
}

absl::StatusOr<int64_t> CheckSchema(SqlConnection& database,
                                    const std::string& where) {
  absl::StatusOr<int64_t> version = SchemaVersion(database);
  if (!version.ok()) return version;
  // Of PostgreSQL's databases the first server makes the tables.
  const bool may_be_empty = database.dialect() == SqlDialect::kPostgresql;
  if (*version == 0 && may_be_empty) return version;
  absl::Status status = CheckVersion(*version, where);
  if (!status.ok()) return status;
  return version;
}

absl::Status UpgradeSchema(SqlConnection& database, const std::string& where) {
  absl::StatusOr<int64_t> version = CheckSchema(database, where);
  if (!version.ok()) return version.status();
  if (*version == kSchemaVersion) return absl::OkStatus();
  return InWriteTransaction(database, [&]() -> absl::Status {
    // Another process may have been faster while this one waited.
    absl::StatusOr<int64_t> now = CheckSchema(database, where);
    if (!now.ok()) return now.status();
    if (*now == kSchemaVersion) return absl::OkStatus();
    return RunSteps(database, *now);
  });
}

}  // namespace bestow::server
