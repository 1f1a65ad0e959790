#include "server/store/identity_statements.h"

#include "absl/strings/str_cat.h"
#include "server/store/certificate_blocks.h"
#include "server/store/storable_text.h"

namespace bestow::server {
namespace {

absl::Status InsertLabel(SqlConnection& database, int64_t identity_id,
                         const std::string& label) {
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO identity_labels (identity_id, label) VALUES (?, ?)"
      " ON CONFLICT DO NOTHING");
  if (!insert.ok()) return insert.status();
  return insert->Bind(identity_id).Bind(label).Run();
}

// One that was removed comes back, without anything that it had.
absl::StatusOr<int64_t> InsertIdentity(SqlConnection& database,
                                       const std::string& name,
                                       absl::Time now) {
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO identities (name, created_at) VALUES (?, ?)"
      " ON CONFLICT (name) DO UPDATE SET removed_at = NULL,"
      " created_at = excluded.created_at RETURNING id");
  if (!insert.ok()) return insert.status();
  return ReturnedId(insert->Bind(name).Bind(now));
}

absl::StatusOr<bool> WasRemoved(SqlConnection& database,
                                const std::string& name) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT 1 FROM identities WHERE name = ? AND removed_at IS NOT NULL");
  if (!query.ok()) return query.status();
  return query->Bind(name).Step();
}

}  // namespace

absl::StatusOr<Identity> SelectIdentity(SqlConnection& database,
                                        const std::string& name) {
  // What comes from a client can be anything; nobody is called that.
  if (!IsStorableText(name)) return absl::NotFoundError("no such identity");
  // One statement, so that a name that is not there takes about as long.
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT i.id, i.name, i.password, i.is_ra, l.label,"
      " i.created_at"
      " FROM identities i LEFT JOIN identity_labels l ON l.identity_id = i.id"
      " WHERE i.name = ? AND i.removed_at IS NULL ORDER BY l.label");
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(name).ExpectRow("identity");
  if (!status.ok()) return status;
  Identity identity;
  identity.id = query->Int(0);
  identity.name = query->Text(1);
  identity.password_hash = query->Text(2);
  identity.is_ra = query->Int(3) != 0;
  identity.created_at = query->Time(5);
  for (;;) {
    if (!query->IsNull(4)) identity.labels.push_back(query->Text(4));
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    if (!*row) return identity;
  }
}

absl::StatusOr<SecretRecord> SelectSecret(SqlConnection& database,
                                          int64_t identity_id,
                                          ByteView secret_sha256) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT id, identity_id, expires_at FROM secrets"
      " WHERE secret_sha256 = ? AND identity_id = ?");
  if (!query.ok()) return query.status();
  absl::Status status =
      query->Bind(secret_sha256).Bind(identity_id).ExpectRow("one-time secret");
  if (!status.ok()) return status;
  return SecretRecord{query->Int(0), query->Int(1), query->Time(2)};
}

absl::StatusOr<std::vector<DigestSecret>> SelectDigestSecrets(
    SqlConnection& database, int64_t identity_id, const std::string& realm,
    const std::string& algorithm, size_t limit) {
  // The password's first: NULL sorts before every number.
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT secret_id, sealed_ha1 FROM digest_secrets"
      " WHERE identity_id = ? AND realm = ? AND algorithm = ?"
      " ORDER BY secret_id IS NOT NULL, secret_id DESC LIMIT ?");
  if (!query.ok()) return query.status();
  query->Bind(identity_id)
      .Bind(realm)
      .Bind(algorithm)
      .Bind(static_cast<int64_t>(limit));
  std::vector<DigestSecret> secrets;
  absl::Status status = query->ForEachRow([&] {
    DigestSecret secret;
    secret.realm = realm;
    secret.algorithm = algorithm;
    if (!query->IsNull(0)) secret.secret_id = query->Int(0);
    secret.sealed_ha1 = query->Blob(1);
    secrets.push_back(std::move(secret));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return secrets;
}

absl::StatusOr<PreSharedKey> SelectPreSharedKey(SqlConnection& database,
                                                ByteView key_identifier) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT k.key_identifier, k.identity_id, i.name, k.sealed_key"
      " FROM pre_shared_keys k JOIN identities i ON i.id = k.identity_id"
      " WHERE k.key_identifier = ?");
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(key_identifier).ExpectRow("shared key");
  if (!status.ok()) return status;
  return PreSharedKey{query->Blob(0), query->Int(1), query->Text(2),
                      query->Blob(3)};
}

absl::StatusOr<int64_t> UpsertIdentity(SqlConnection& database,
                                       const std::string& name,
                                       const IdentityOptions& options,
                                       absl::Time now) {
  if (!IsStorableText(name)) {
    return absl::InvalidArgumentError("an identity's name must be UTF-8");
  }
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
    absl::StatusOr<SqlStatement> update =
        database.Prepare("UPDATE identities SET is_ra = ? WHERE id = ?");
    if (!update.ok()) return update.status();
    absl::Status status = update->Bind(int64_t{*options.is_ra}).Bind(id).Run();
    if (!status.ok()) return status;
  }
  return id;
}

absl::StatusOr<int64_t> RegisterIdentity(SqlConnection& database,
                                         const std::string& name,
                                         const std::string& label,
                                         absl::Time now) {
  absl::StatusOr<Identity> identity = SelectIdentity(database, name);
  if (absl::IsNotFound(identity.status())) {
    absl::StatusOr<bool> removed = WasRemoved(database, name);
    if (!removed.ok()) return removed.status();
    if (*removed) {
      return absl::AbortedError(
          absl::StrCat("the identity ", name, " was removed by the operator"));
    }
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

absl::Status SetIdentityPassword(SqlConnection& database, int64_t identity_id,
                                 const std::string& password_hash,
                                 bool replace) {
  absl::StatusOr<SqlStatement> query =
      database.Prepare("SELECT name, password FROM identities WHERE id = ?");
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(identity_id).ExpectRow("identity");
  if (!status.ok()) return status;
  if (!query->Text(1).empty() && !replace) {
    return absl::AlreadyExistsError(
        absl::StrCat(query->Text(0), " already has a password"));
  }
  absl::StatusOr<SqlStatement> update =
      database.Prepare("UPDATE identities SET password = ? WHERE id = ?");
  if (!update.ok()) return update.status();
  return update->Bind(password_hash).Bind(identity_id).Run();
}

absl::StatusOr<int64_t> InsertSecret(SqlConnection& database,
                                     int64_t identity_id,
                                     ByteView secret_sha256, absl::Time now,
                                     absl::Time expires_at) {
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO secrets (identity_id, secret_sha256, created_at,"
      " expires_at) VALUES (?, ?, ?, ?) RETURNING id");
  if (!insert.ok()) return insert.status();
  return ReturnedId(
      insert->Bind(identity_id).Bind(secret_sha256).Bind(now).Bind(expires_at));
}

absl::Status InsertDigestSecrets(SqlConnection& database, int64_t identity_id,
                                 std::optional<int64_t> secret_id,
                                 const std::vector<DigestSecret>& secrets) {
  for (const DigestSecret& secret : secrets) {
    absl::StatusOr<SqlStatement> insert = database.Prepare(
        "INSERT INTO digest_secrets (identity_id, realm, algorithm,"
        " sealed_ha1, secret_id) VALUES (?, ?, ?, ?, ?)");
    if (!insert.ok()) return insert.status();
    insert->Bind(identity_id)
        .Bind(secret.realm)
        .Bind(secret.algorithm)
        .Bind(ByteView(secret.sealed_ha1));
    absl::Status status = insert->BindOrNull(secret_id).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status DeleteDigestSecrets(SqlConnection& database, int64_t identity_id) {
  absl::StatusOr<SqlStatement> remove = database.Prepare(
      "DELETE FROM digest_secrets WHERE identity_id = ? AND secret_id IS NULL");
  if (!remove.ok()) return remove.status();
  return remove->Bind(identity_id).Run();
}

absl::Status InsertPreSharedKey(SqlConnection& database,
                                const PreSharedKey& key, absl::Time now) {
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO pre_shared_keys (key_identifier, identity_id, sealed_key,"
      " created_at) VALUES (?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  return insert->Bind(ByteView(key.key_identifier))
      .Bind(key.identity_id)
      .Bind(ByteView(key.sealed_key))
      .Bind(absl::ToUnixSeconds(now))
      .Run();
}

absl::Status DeleteIdentity(SqlConnection& database, const std::string& name,
                            absl::Time now) {
  absl::StatusOr<Identity> identity = SelectIdentity(database, name);
  if (!identity.ok()) return identity.status();
  absl::StatusOr<SqlStatement> valid = database.Prepare(
      absl::StrCat(kWithBlocks,
                   "SELECT count(*) FROM block CROSS JOIN certificates c"
                   " WHERE c.id >> 10 = block.n AND c.identity_id = ?"
                   " AND c.revoked_at IS NULL AND c.not_after >= ?"));
  if (!valid.ok()) return valid.status();
  absl::Status status = valid->Bind(identity->id).Bind(now).ExpectRow("count");
  if (!status.ok()) return status;
  if (valid->Int(0) > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        name, " has ", valid->Int(0),
        " certificates that are valid: revoke them first (bestow-server revoke "
        "--identity=",
        name, ")"));
  }
  // Each statement takes the identity's id alone.
  for (const char* sql :
       {"DELETE FROM digest_secrets WHERE identity_id = ?",
        "DELETE FROM secrets WHERE identity_id = ?",
        "DELETE FROM pre_shared_keys WHERE identity_id = ?",
        "DELETE FROM pending_requests WHERE identity_id = ?",
        "DELETE FROM identity_labels WHERE identity_id = ?"}) {
    absl::StatusOr<SqlStatement> remove = database.Prepare(sql);
    if (!remove.ok()) return remove.status();
    status = remove->Bind(identity->id).Run();
    if (!status.ok()) return status;
  }
  absl::StatusOr<SqlStatement> update = database.Prepare(
      "UPDATE identities SET removed_at = ?, password = NULL, is_ra = 0"
      " WHERE id = ?");
  if (!update.ok()) return update.status();
  return update->Bind(now).Bind(identity->id).Run();
}

absl::Status ClearPassword(SqlConnection& database, const std::string& name) {
  absl::StatusOr<Identity> identity = SelectIdentity(database, name);
  if (!identity.ok()) return identity.status();
  if (identity->password_hash.empty()) {
    return absl::NotFoundError(absl::StrCat(name, " has no password"));
  }
  absl::Status status = DeleteDigestSecrets(database, identity->id);
  if (!status.ok()) return status;
  absl::StatusOr<SqlStatement> update =
      database.Prepare("UPDATE identities SET password = NULL WHERE id = ?");
  if (!update.ok()) return update.status();
  return update->Bind(identity->id).Run();
}

absl::Status DeleteSecret(SqlConnection& database, int64_t id) {
  absl::StatusOr<SqlStatement> digest =
      database.Prepare("DELETE FROM digest_secrets WHERE secret_id = ?");
  if (!digest.ok()) return digest.status();
  absl::Status status = digest->Bind(id).Run();
  if (!status.ok()) return status;
  absl::StatusOr<SqlStatement> remove =
      database.Prepare("DELETE FROM secrets WHERE id = ? RETURNING id");
  if (!remove.ok()) return remove.status();
  return remove->Bind(id).ExpectRow("one-time secret");
}

absl::Status DeletePreSharedKey(SqlConnection& database,
                                ByteView key_identifier) {
  absl::StatusOr<SqlStatement> remove = database.Prepare(
      "DELETE FROM pre_shared_keys WHERE key_identifier = ? RETURNING id");
  if (!remove.ok()) return remove.status();
  return remove->Bind(key_identifier).ExpectRow("shared key");
}

}  // namespace bestow::server
