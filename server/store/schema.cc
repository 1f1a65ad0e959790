#include "server/store/schema.h"

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/pki/certificate.h"

namespace bestow::server {
namespace {

// Times are seconds since 1970; hashes are SHA-256, raw. A secret is bound
// when bound_key_sha256, bound_at and certificate_id are set, together.
constexpr char kVersion1[] = R"sql(
CREATE TABLE identities (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  password   TEXT,              -- scrypt, see auth/password.h; NULL: none
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE certificates (
  id          INTEGER PRIMARY KEY,
  serial      BLOB NOT NULL UNIQUE,
  identity_id INTEGER NOT NULL REFERENCES identities (id),
  operation   TEXT NOT NULL,
  subject     TEXT NOT NULL,
  not_before  INTEGER NOT NULL,
  not_after   INTEGER NOT NULL,
  issued_at   INTEGER NOT NULL,
  key_sha256  BLOB NOT NULL,
  certificate BLOB NOT NULL
) STRICT;
CREATE INDEX certificates_by_identity ON certificates (identity_id);
CREATE INDEX certificates_by_key ON certificates (key_sha256);

CREATE TABLE secrets (
  id               INTEGER PRIMARY KEY,
  identity_id      INTEGER NOT NULL REFERENCES identities (id),
  secret_sha256    BLOB NOT NULL UNIQUE,
  created_at       INTEGER NOT NULL,
  expires_at       INTEGER NOT NULL,
  bound_key_sha256 BLOB,
  bound_at         INTEGER,
  certificate_id   INTEGER REFERENCES certificates (id)
) STRICT;
)sql";

// What there was before is good for the service without a label. "Sealed" is
// by auth/sealed_secret.h. States and labels: see records.h; label NULL of an
// order: every service's.
constexpr char kToVersion2[] = R"sql(
ALTER TABLE identities ADD COLUMN is_ra INTEGER NOT NULL DEFAULT 0;

CREATE TABLE identity_labels (
  identity_id INTEGER NOT NULL REFERENCES identities (id),
  label       TEXT NOT NULL,
  PRIMARY KEY (identity_id, label)
) STRICT, WITHOUT ROWID;
INSERT INTO identity_labels (identity_id, label)
  SELECT id, '' FROM identities;

CREATE TABLE digest_secrets (
  id          INTEGER PRIMARY KEY,
  identity_id INTEGER NOT NULL REFERENCES identities (id),
  secret_id   INTEGER REFERENCES secrets (id),  -- NULL: of the password
  realm       TEXT NOT NULL,
  algorithm   TEXT NOT NULL,
  sealed_ha1  BLOB NOT NULL
) STRICT;
CREATE INDEX digest_secrets_by_identity ON digest_secrets (identity_id);

CREATE TABLE pre_shared_keys (
  id             INTEGER PRIMARY KEY,
  key_identifier BLOB NOT NULL UNIQUE,
  identity_id    INTEGER NOT NULL REFERENCES identities (id),
  sealed_key     BLOB NOT NULL,
  created_at     INTEGER NOT NULL
) STRICT;

ALTER TABLE certificates ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN server_key INTEGER NOT NULL DEFAULT 0;
ALTER TABLE certificates ADD COLUMN subject_key_id BLOB NOT NULL DEFAULT x'';

CREATE TABLE pending_requests (
  id             INTEGER PRIMARY KEY,
  label          TEXT NOT NULL,
  identity_id    INTEGER NOT NULL REFERENCES identities (id),
  key_sha256     BLOB NOT NULL,
  subject_der    BLOB NOT NULL,
  operation      TEXT NOT NULL,
  subject        TEXT NOT NULL,
  csr            BLOB NOT NULL,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  state          TEXT NOT NULL,
  reason         TEXT NOT NULL DEFAULT '',
  decided_at     INTEGER,
  certificate_id INTEGER REFERENCES certificates (id),
  UNIQUE (identity_id, label, operation, key_sha256, subject_der)
) STRICT;
CREATE INDEX pending_by_label ON pending_requests (label, state);

CREATE TABLE renewal_orders (
  id            INTEGER PRIMARY KEY,
  label         TEXT,
  issued_before INTEGER NOT NULL,
  window_start  INTEGER NOT NULL,
  window_end    INTEGER NOT NULL,
  created_at    INTEGER NOT NULL
) STRICT;
)sql";

absl::StatusOr<int64_t> VersionOf(Database& database) {
  absl::StatusOr<Statement> query = database.Prepare("PRAGMA user_version");
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> row = query->Step();
  if (!row.ok()) return row.status();
  return *row ? query->Int(0) : 0;
}

// The column that only the certificate itself can fill.
absl::Status FillSubjectKeyIds(Database& database) {
  std::vector<std::pair<int64_t, Bytes>> found;
  {
    absl::StatusOr<Statement> query =
        database.Prepare("SELECT id, certificate FROM certificates");
    if (!query.ok()) return query.status();
    for (;;) {
      absl::StatusOr<bool> row = query->Step();
      if (!row.ok()) return row.status();
      if (!*row) break;
      // One that does not parse can't be looked for by what is in it.
      absl::StatusOr<Certificate> certificate =
          ParseCertificateDer(query->Blob(1));
      if (!certificate.ok() || certificate->subject_key_id.empty()) continue;
      found.emplace_back(query->Int(0), certificate->subject_key_id);
    }
  }
  for (const auto& [id, subject_key_id] : found) {
    absl::StatusOr<Statement> update = database.Prepare(
        "UPDATE certificates SET subject_key_id = ? WHERE id = ?");
    if (!update.ok()) return update.status();
    absl::Status status = update->Bind(ByteView(subject_key_id)).Bind(id).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Inside a transaction. `from` is 0 for an empty database, or a version that
// CheckVersion let through.
absl::Status RunSteps(Database& database, int64_t from) {
  absl::Status status;
  if (from < 1) status = database.Execute(kVersion1);
  if (status.ok()) status = database.Execute(kToVersion2);
  if (status.ok()) status = FillSubjectKeyIds(database);
  if (!status.ok()) return status;
  return database.Execute(
      absl::StrCat("PRAGMA user_version=", kSchemaVersion).c_str());
}

absl::Status CheckVersion(int64_t version, const std::string& path) {
  if (version >= 1 && version <= kSchemaVersion) return absl::OkStatus();
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " was written by a newer bestow-server (schema ",
                     version, "; this one knows ", kSchemaVersion,
                     "): run that version, nothing was changed"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is not a bestow-server database (schema ", version,
                   "): give the folder that `bestow-server init` made"));
}

// `steps` in one transaction.
absl::Status InTransaction(Database& database,
                           const std::function<absl::Status()>& steps) {
  absl::Status status = database.Execute("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  status = steps();
  if (status.ok() && Failpoint("store.before_schema_commit")) {
    status = absl::InternalError("failpoint store.before_schema_commit");
  }
  if (status.ok()) status = database.Execute("COMMIT");
  if (!status.ok() && database.in_transaction()) {
    // The first error is the one to report.
    database.Execute("ROLLBACK").IgnoreError();
  }
  return status;
}

}  // namespace

absl::Status CreateSchema(Database& database) {
  absl::Status status = database.Execute("PRAGMA journal_mode=WAL;");
  if (!status.ok()) return status;
  return InTransaction(database, [&] { return RunSteps(database, 0); });
}

absl::Status UpgradeSchema(Database& database, const std::string& path) {
  absl::StatusOr<int64_t> version = VersionOf(database);
  if (!version.ok()) return version.status();
  absl::Status status = CheckVersion(*version, path);
  if (!status.ok() || *version == kSchemaVersion) return status;
  return InTransaction(database, [&]() -> absl::Status {
    // Another process may have been faster while this one waited.
    absl::StatusOr<int64_t> now = VersionOf(database);
    if (!now.ok()) return now.status();
    absl::Status current = CheckVersion(*now, path);
    if (!current.ok() || *now == kSchemaVersion) return current;
    return RunSteps(database, *now);
  });
}

}  // namespace bestow::server
