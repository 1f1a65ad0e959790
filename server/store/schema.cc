#include "server/store/schema.h"

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

// Times are seconds since 1970; hashes are SHA-256, raw. A secret is bound
// when bound_key_sha256, bound_at and certificate_id are set, together.
constexpr char kTables[] = R"sql(
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

}  // namespace

absl::Status CreateSchema(Database& database) {
  absl::Status status = database.Execute("PRAGMA journal_mode=WAL;");
  if (!status.ok()) return status;
  const std::string sql =
      absl::StrCat("BEGIN IMMEDIATE;", kTables,
                   "PRAGMA user_version=", kSchemaVersion, ";COMMIT;");
  status = database.Execute(sql.c_str());
  if (!status.ok() && database.in_transaction()) {
    // The first error is the one to report.
    database.Execute("ROLLBACK;").IgnoreError();
  }
  return status;
}

absl::Status CheckSchema(Database& database, const std::string& path) {
  absl::StatusOr<Statement> query = database.Prepare("PRAGMA user_version");
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> row = query->Step();
  if (!row.ok()) return row.status();
  const int64_t version = *row ? query->Int(0) : 0;
  if (version == kSchemaVersion) return absl::OkStatus();
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

}  // namespace bestow::server
