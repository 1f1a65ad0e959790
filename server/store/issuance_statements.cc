#include "server/store/issuance_statements.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/pki/revocation_reason.h"
#include "server/store/audit_statements.h"
#include "server/store/identity_statements.h"
#include "server/store/issue_refusal.h"
#include "server/store/live_statements.h"
#include "server/store/pending_statements.h"
#include "server/store/secret_statements.h"
#include "server/store/storable_text.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxSubjectText = 4096;  // for people

// `first_id`: of the line of renewals that it goes on with.
absl::StatusOr<int64_t> InsertCertificate(SqlConnection& database,
                                          const CertificateRecord& record,
                                          std::optional<int64_t> first_id) {
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO certificates (serial, identity_id, operation, subject,"
      " not_before, not_after, issued_at, key_sha256, certificate, label,"
      " server_key, subject_key_id, issuer_key_id, first_id)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id");
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
                     .Bind(ByteView(record.issuer_key_id))
                     .BindOrNull(first_id));
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

// Whoever holds an old certificate, perhaps in its time of grace, must not
// outlive the revocation of a newer one of its line. Superseded is said of no
// stolen key. Those that are revoked have an index of their own.
absl::Status CheckLineSince(SqlConnection& database, int64_t first_id,
                            int64_t id) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT 1 FROM certificates WHERE first_id = ? AND id > ?"
      " AND revocation_reason IS NOT NULL AND revocation_reason <> ? LIMIT 1");
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> row =
      query->Bind(first_id)
          .Bind(id)
          .Bind(static_cast<int64_t>(RevocationReason::kSuperseded))
          .Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::OkStatus();
  return RefuseIssue(
      IssueRefusal::kRevoked,
      "the certificate that is to be renewed was renewed, and the new one is "
      "revoked");
}

// The first of the line of renewals that the certificate of that serial number
// belongs to. The new one, being the newest of it, takes the place of them all:
// of the one that is renewed, and of whatever that gave before (replies get
// lost).
absl::StatusOr<int64_t> SelectLine(SqlConnection& database, ByteView serial,
                                   int64_t identity_id) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT coalesce(first_id, id), revoked_at, id FROM certificates"
      " WHERE serial = ? AND identity_id = ?");
  if (!query.ok()) return query.status();
  absl::Status status =
      query->Bind(serial).Bind(identity_id).ExpectRow("certificate to replace");
  if (!status.ok()) return status;
  if (!query->IsNull(1)) {
    return RefuseIssue(IssueRefusal::kRevoked,
                       "the certificate that is to be renewed is revoked");
  }
  status = CheckLineSince(database, query->Int(0), query->Int(2));
  if (!status.ok()) return status;
  return query->Int(0);
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
  std::optional<int64_t> line;
  if (!issuance.replaces_serial.empty()) {
    absl::StatusOr<int64_t> found =
        SelectLine(database, issuance.replaces_serial, record.identity_id);
    if (!found.ok()) return found.status();
    line = *found;
  }
  absl::StatusOr<int64_t> certificate_id =
      InsertCertificate(database, record, line);
  if (!certificate_id.ok()) return certificate_id.status();
  status = CheckLive(database, issuance);
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
