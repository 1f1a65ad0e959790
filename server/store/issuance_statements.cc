#include "server/store/issuance_statements.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "server/store/audit_statements.h"
#include "server/store/identity_statements.h"
#include "server/store/issue_refusal.h"
#include "server/store/pending_statements.h"
#include "server/store/secret_statements.h"
#include "server/store/storable_text.h"

namespace bestow::server {
namespace {

// Renewals that were asked for again with one old certificate are followed so
// far; a chain is longer only when its replies were lost as often.
constexpr int kMaxReplacements = 256;
constexpr size_t kMaxSubjectText = 4096;  // for people

absl::StatusOr<int64_t> InsertCertificate(SqlConnection& database,
                                          const CertificateRecord& record) {
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO certificates (serial, identity_id, operation, subject,"
      " not_before, not_after, issued_at, key_sha256, certificate, label,"
      " server_key, subject_key_id, issuer_key_id)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id");
  if (!insert.ok()) return insert.status();
  absl::StatusOr<int64_t> id =
      ReturnedId(insert->Bind(ByteView(record.serial))
                     .Bind(record.identity_id)
                     .Bind(record.operation)
                     .Bind(StorableText(record.subject, kMaxSubjectText))
                     .Bind(record.not_before)
                     .Bind(record.not_after)
                     .Bind(record.issued_at)
                     .Bind(ByteView(record.key_sha256))
                     .Bind(ByteView(record.certificate))
                     .Bind(record.label)
                     .Bind(int64_t{record.server_key})
                     .Bind(ByteView(record.subject_key_id))
                     .Bind(ByteView(record.issuer_key_id)));
  if (absl::IsAlreadyExists(id.status()) || Failpoint("store.serial_taken")) {
    return absl::AlreadyExistsError("the serial number is taken");
  }
  return id;
}

// The operator may have been faster than the request.
absl::Status CheckNotRemoved(SqlConnection& database, int64_t identity_id) {
  absl::StatusOr<SqlStatement> query =
      database.Prepare("SELECT removed_at FROM identities WHERE id = ?");
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(identity_id).ExpectRow("identity");
  if (!status.ok() || query->IsNull(0)) return status;
  return RefuseIssue(IssueRefusal::kRemoved,
                     "the identity was removed by the operator");
}

// RFC 5280 5.3.1: what somebody else may have is certified no more.
absl::Status CheckKey(SqlConnection& database, ByteView key_sha256) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT 1 FROM certificates WHERE key_sha256 = ?"
      " AND revocation_reason IN (1, 2, 10) LIMIT 1");
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> row = query->Bind(key_sha256).Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::OkStatus();
  return RefuseIssue(
      IssueRefusal::kCompromisedKey,
      "a certificate of this key was revoked because the key was compromised: "
      "make another key");
}

struct Replaced {
  int64_t id = 0;
  std::optional<int64_t> revocation_reason;
  std::optional<int64_t> replaced_by;
};

absl::StatusOr<Replaced> SelectReplaced(SqlConnection& database,
                                        std::string_view column,
                                        const auto& value) {
  absl::StatusOr<SqlStatement> query = database.Prepare(absl::StrCat(
      "SELECT id, revocation_reason, replaced_by FROM certificates WHERE ",
      column, " = ?"));
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(value).ExpectRow("certificate to replace");
  if (!status.ok()) return status;
  Replaced found{query->Int(0), std::nullopt, std::nullopt};
  if (!query->IsNull(1)) found.revocation_reason = query->Int(1);
  if (!query->IsNull(2)) found.replaced_by = query->Int(2);
  return found;
}

// The certificate that is renewed, and what it gave before (replies get lost):
// the new one takes the place of all of them.
absl::StatusOr<std::vector<int64_t>> SelectReplacedOnes(SqlConnection& database,
                                                        ByteView serial) {
  std::vector<int64_t> ids;
  absl::StatusOr<Replaced> found = SelectReplaced(database, "serial", serial);
  if (!found.ok()) return found.status();
  if (found->revocation_reason.has_value()) {
    return RefuseIssue(IssueRefusal::kRevoked,
                       "the certificate that is to be renewed is revoked");
  }
  ids.push_back(found->id);
  // Whoever holds an old one, perhaps in its time of grace, must not outlive
  // the revocation of the new one. Superseded is said of no stolen key.
  while (found->replaced_by.has_value()) {
    if (ids.size() == static_cast<size_t>(kMaxReplacements)) {
      return RefuseIssue(
          IssueRefusal::kRevoked,
          "the certificate that is to be renewed was renewed too often since");
    }
    found = SelectReplaced(database, "id", *found->replaced_by);
    if (!found.ok()) return found.status();
    if (found->revocation_reason.has_value() &&
        *found->revocation_reason !=
            static_cast<int64_t>(RevocationReason::kSuperseded)) {
      return RefuseIssue(
          IssueRefusal::kRevoked,
          "the certificate that is to be renewed was renewed, and the new one "
          "is revoked");
    }
    ids.push_back(found->id);
  }
  return ids;
}

absl::Status MarkReplaced(SqlConnection& database,
                          const std::vector<int64_t>& ids, int64_t by) {
  for (int64_t id : ids) {
    absl::StatusOr<SqlStatement> update = database.Prepare(
        "UPDATE certificates SET replaced_by = ? WHERE id = ?");
    if (!update.ok()) return update.status();
    absl::Status status = update->Bind(by).Bind(id).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// A client whose reply was lost asks again with its key: what it got then is
// replaced too.
absl::Status MarkThoseOfTheKey(SqlConnection& database,
                               const CertificateRecord& record, int64_t by) {
  absl::StatusOr<SqlStatement> update = database.Prepare(
      "UPDATE certificates SET replaced_by = ? WHERE key_sha256 = ?"
      " AND identity_id = ? AND label = ? AND id <> ? AND replaced_by IS NULL");
  if (!update.ok()) return update.status();
  return update->Bind(by)
      .Bind(ByteView(record.key_sha256))
      .Bind(record.identity_id)
      .Bind(record.label)
      .Bind(by)
      .Run();
}

// Looked at when those that the new one replaces are marked already.
absl::Status CheckLive(SqlConnection& database, const Issuance& issuance) {
  if (issuance.max_live <= 0) return absl::OkStatus();
  const CertificateRecord& record = issuance.record;
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT count(*) FROM (SELECT 1 FROM certificates"
      " WHERE identity_id = ? AND label = ? AND not_after >= ?"
      " AND revoked_at IS NULL AND replaced_by IS NULL LIMIT ?) AS live");
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(record.identity_id)
                            .Bind(record.label)
                            .Bind(record.issued_at)
                            .Bind(int64_t{issuance.max_live} + 1)
                            .ExpectRow("count");
  if (!status.ok()) return status;
  if (query->Int(0) <= issuance.max_live) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat(
      record.identity,
      " has as many valid certificates as its profile allows (",
      issuance.max_live, "): renew one, or ask the operator to revoke one"));
}

absl::Status AppendIssued(SqlConnection& database, const Issuance& issuance,
                          ByteView serial, bool repeated) {
  AuditEntry entry = issuance.audit;
  entry.outcome = repeated ? "repeated" : "issued";
  entry.serial = ToBytes(serial);
  return AppendAudit(database, std::move(entry));
}

// What was issued before for the same secret or approval; nullopt: nothing.
absl::StatusOr<std::optional<Issued>> FindRepeated(SqlConnection& database,
                                                   const Issuance& issuance) {
  if (issuance.secret_id.has_value()) {
    absl::StatusOr<std::optional<Issued>> repeated =
        RepeatForSecret(database, issuance);
    if (!repeated.ok() || repeated->has_value()) return repeated;
  }
  if (issuance.pending_id.has_value()) {
    return RepeatForPending(database, issuance);
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Issued> InsertIssuance(SqlConnection& database,
                                      Issuance issuance) {
  CertificateRecord& record = issuance.record;
  if (record.identity_id == 0) {
    absl::StatusOr<int64_t> id = RegisterIdentity(
        database, record.identity, record.label, record.issued_at);
    if (!id.ok()) return id.status();
    record.identity_id = *id;
  }
  absl::Status status = CheckNotRemoved(database, record.identity_id);
  if (!status.ok()) return status;
  absl::StatusOr<std::optional<Issued>> repeated =
      FindRepeated(database, issuance);
  if (!repeated.ok()) return repeated.status();
  if (repeated->has_value()) {
    status = AppendIssued(database, issuance, (*repeated)->serial, true);
    if (!status.ok()) return status;
    return **std::move(repeated);
  }
  status = CheckKey(database, record.key_sha256);
  if (!status.ok()) return status;
  std::vector<int64_t> replaced;
  if (!issuance.replaces_serial.empty()) {
    absl::StatusOr<std::vector<int64_t>> found =
        SelectReplacedOnes(database, issuance.replaces_serial);
    if (!found.ok()) return found.status();
    replaced = *std::move(found);
  }
  absl::StatusOr<int64_t> certificate_id = InsertCertificate(database, record);
  if (!certificate_id.ok()) return certificate_id.status();
  status = MarkReplaced(database, replaced, *certificate_id);
  if (status.ok() && issuance.max_live > 0) {
    status = MarkThoseOfTheKey(database, record, *certificate_id);
  }
  if (status.ok()) status = CheckLive(database, issuance);
  if (status.ok() && issuance.secret_id.has_value()) {
    status = BindSecret(database, issuance, *certificate_id);
  }
  if (status.ok() && issuance.pending_id.has_value()) {
    status = TakePending(database, issuance, *certificate_id);
  }
  if (status.ok()) {
    status = AppendIssued(database, issuance, record.serial, false);
  }
  if (!status.ok()) return status;
  return Issued{record.certificate, record.serial, /*repeated=*/false};
}

}  // namespace bestow::server
