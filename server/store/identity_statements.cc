#include "server/store/identity_statements.h"

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

absl::Status InsertLabel(Database& database, int64_t identity_id,
                         const std::string& label) {
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT OR IGNORE INTO identity_labels (identity_id, label)"
      " VALUES (?, ?)");
  if (!insert.ok()) return insert.status();
  return insert->Bind(identity_id).Bind(label).Run();
}

absl::StatusOr<int64_t> InsertIdentity(Database& database,
                                       const std::string& name,
                                       absl::Time now) {
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO identities (name, created_at) VALUES (?, ?)");
  if (!insert.ok()) return insert.status();
  absl::Status status = insert->Bind(name).Bind(absl::ToUnixSeconds(now)).Run();
  if (!status.ok()) return status;
  return database.last_insert_id();
}

}  // namespace

absl::Status ExpectRow(Statement& query, std::string_view what) {
  absl::StatusOr<bool> row = query.Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError(absl::StrCat("no such ", what));
  return absl::OkStatus();
}

absl::StatusOr<Identity> SelectIdentity(Database& database,
                                        const std::string& name) {
  // One statement, so that a name that is not there takes about as long.
  absl::StatusOr<Statement> query = database.Prepare(
      "SELECT i.id, i.name, i.password, i.is_ra, l.label"
      " FROM identities i LEFT JOIN identity_labels l ON l.identity_id = i.id"
      " WHERE i.name = ? ORDER BY l.label");
  if (!query.ok()) return query.status();
  absl::Status status = ExpectRow(query->Bind(name), "identity");
  if (!status.ok()) return status;
  Identity identity;
  identity.id = query->Int(0);
  identity.name = query->Text(1);
  identity.password_hash = query->Text(2);
  identity.is_ra = query->Int(3) != 0;
  for (;;) {
    if (!query->IsNull(4)) identity.labels.push_back(query->Text(4));
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    if (!*row) return identity;
  }
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

absl::StatusOr<std::vector<DigestSecret>> SelectDigestSecrets(
    Database& database, int64_t identity_id, const std::string& realm,
    const std::string& algorithm, size_t limit) {
  // The password's first: NULL sorts before every number.
  absl::StatusOr<Statement> query = database.Prepare(
      "SELECT secret_id, sealed_ha1 FROM digest_secrets"
      " WHERE identity_id = ? AND realm = ? AND algorithm = ?"
      " ORDER BY secret_id IS NOT NULL, secret_id DESC LIMIT ?");
  if (!query.ok()) return query.status();
  query->Bind(identity_id)
      .Bind(realm)
      .Bind(algorithm)
      .Bind(static_cast<int64_t>(limit));
  std::vector<DigestSecret> secrets;
  for (;;) {
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    if (!*row) return secrets;
    DigestSecret secret;
    secret.realm = realm;
    secret.algorithm = algorithm;
    if (!query->IsNull(0)) secret.secret_id = query->Int(0);
    secret.sealed_ha1 = query->Blob(1);
    secrets.push_back(std::move(secret));
  }
}

absl::StatusOr<PreSharedKey> SelectPreSharedKey(Database& database,
                                                ByteView key_identifier) {
  absl::StatusOr<Statement> query = database.Prepare(
      "SELECT k.key_identifier, k.identity_id, i.name, k.sealed_key"
      " FROM pre_shared_keys k JOIN identities i ON i.id = k.identity_id"
      " WHERE k.key_identifier = ?");
  if (!query.ok()) return query.status();
  absl::Status status = ExpectRow(query->Bind(key_identifier), "shared key");
  if (!status.ok()) return status;
  return PreSharedKey{query->Blob(0), query->Int(1), query->Text(2),
                      query->Blob(3)};
}

absl::StatusOr<int64_t> UpsertIdentity(Database& database,
                                       const std::string& name,
                                       const IdentityOptions& options,
                                       absl::Time now) {
  absl::StatusOr<Identity> identity = SelectIdentity(database, name);
  if (!identity.ok() && !absl::IsNotFound(identity.status())) {
    return identity.status();
  }
  std::vector<std::string> labels = options.labels;
  int64_t id = 0;
  if (identity.ok()) {
    id = identity->id;
  } else {
    absl::StatusOr<int64_t> inserted = InsertIdentity(database, name, now);
    if (!inserted.ok()) return inserted.status();
    id = *inserted;
    if (labels.empty()) labels.push_back("");
  }
  for (const std::string& label : labels) {
    absl::Status status = InsertLabel(database, id, label);
    if (!status.ok()) return status;
  }
  if (options.is_ra.has_value()) {
    absl::StatusOr<Statement> update =
        database.Prepare("UPDATE identities SET is_ra = ? WHERE id = ?");
    if (!update.ok()) return update.status();
    absl::Status status = update->Bind(int64_t{*options.is_ra}).Bind(id).Run();
    if (!status.ok()) return status;
  }
  return id;
}

absl::StatusOr<int64_t> RegisterIdentity(Database& database,
                                         const std::string& name,
                                         const std::string& label,
                                         absl::Time now) {
  absl::StatusOr<Identity> identity = SelectIdentity(database, name);
  if (absl::IsNotFound(identity.status())) {
    return UpsertIdentity(database, name, {{label}, std::nullopt}, now);
  }
  if (!identity.ok()) return identity.status();
  if (!identity->MayUse(label)) {
    return absl::AbortedError(absl::StrCat("the identity ", name,
                                           " is there already, and not for ",
                                           "this label"));
  }
  if (identity->is_ra) {
    return absl::AbortedError(
        absl::StrCat("the identity ", name,
                     " is there already, as a registration "
                     "authority"));
  }
  return identity->id;
}

absl::Status SetIdentityPassword(Database& database, int64_t identity_id,
                                 const std::string& password_hash,
                                 bool replace) {
  absl::StatusOr<Statement> query =
      database.Prepare("SELECT name, password FROM identities WHERE id = ?");
  if (!query.ok()) return query.status();
  absl::Status status = ExpectRow(query->Bind(identity_id), "identity");
  if (!status.ok()) return status;
  if (!query->Text(1).empty() && !replace) {
    return absl::AlreadyExistsError(
        absl::StrCat(query->Text(0), " already has a password"));
  }
  absl::StatusOr<Statement> update =
      database.Prepare("UPDATE identities SET password = ? WHERE id = ?");
  if (!update.ok()) return update.status();
  return update->Bind(password_hash).Bind(identity_id).Run();
}

absl::StatusOr<int64_t> InsertSecret(Database& database, int64_t identity_id,
                                     ByteView secret_sha256, absl::Time now,
                                     absl::Time expires_at) {
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO secrets (identity_id, secret_sha256, created_at,"
      " expires_at) VALUES (?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  absl::Status status = insert->Bind(identity_id)
                            .Bind(secret_sha256)
                            .Bind(absl::ToUnixSeconds(now))
                            .Bind(absl::ToUnixSeconds(expires_at))
                            .Run();
  if (!status.ok()) return status;
  return database.last_insert_id();
}

absl::Status InsertDigestSecrets(Database& database, int64_t identity_id,
                                 std::optional<int64_t> secret_id,
                                 const std::vector<DigestSecret>& secrets) {
  for (const DigestSecret& secret : secrets) {
    absl::StatusOr<Statement> insert = database.Prepare(
        "INSERT INTO digest_secrets (identity_id, realm, algorithm,"
        " sealed_ha1, secret_id) VALUES (?, ?, ?, ?, ?)");
    if (!insert.ok()) return insert.status();
    insert->Bind(identity_id)
        .Bind(secret.realm)
        .Bind(secret.algorithm)
        .Bind(ByteView(secret.sealed_ha1));
    if (secret_id.has_value()) {
      insert->Bind(*secret_id);
    } else {
      insert->BindNull();
    }
    absl::Status status = insert->Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status DeleteDigestSecrets(Database& database, int64_t identity_id) {
  absl::StatusOr<Statement> remove = database.Prepare(
      "DELETE FROM digest_secrets WHERE identity_id = ? AND secret_id IS NULL");
  if (!remove.ok()) return remove.status();
  return remove->Bind(identity_id).Run();
}

absl::Status InsertPreSharedKey(Database& database, const PreSharedKey& key,
                                absl::Time now) {
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO pre_shared_keys (key_identifier, identity_id, sealed_key,"
      " created_at) VALUES (?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  return insert->Bind(ByteView(key.key_identifier))
      .Bind(key.identity_id)
      .Bind(ByteView(key.sealed_key))
      .Bind(absl::ToUnixSeconds(now))
      .Run();
}

}  // namespace bestow::server
