#include "server/store/pending_statements.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "server/store/audit_statements.h"
#include "server/store/identity_statements.h"
#include "server/store/issue_refusal.h"
#include "server/store/secret_statements.h"
#include "server/store/storable_text.h"

namespace bestow::server {
namespace {

using State = PendingRequest::State;

constexpr State kStates[] = {State::kWaiting, State::kApproved, State::kRefused,
                             State::kIssued};

// For people; as long as any certificate's.
constexpr size_t kMaxSubjectText = 4096;

constexpr char kSelectPending[] =
    "SELECT p.id, p.label, p.identity_id, i.name, p.key_sha256, p.subject_der,"
    " p.operation, p.subject, p.csr, p.created_at, p.expires_at, p.state,"
    " p.reason, p.decided_at"
    " FROM pending_requests p JOIN identities i ON i.id = p.identity_id ";

// What stands in the index: PostgreSQL's takes no long ones.
Bytes SubjectKey(const Bytes& subject_der) {
  constexpr size_t kMaxBytes = 512;
  if (subject_der.size() <= kMaxBytes) return subject_der;
  const Sha256Digest digest = Sha256(subject_der);
  return Bytes(digest.begin(), digest.end());
}

absl::StatusOr<PendingRequest> ReadPending(const SqlStatement& row) {
  PendingRequest request;
  request.id = row.Int(0);
  request.label = row.Text(1);
  request.identity_id = row.Int(2);
  request.identity = row.Text(3);
  request.key_sha256 = row.Blob(4);
  request.subject_der = row.Blob(5);
  request.operation = row.Text(6);
  request.subject = row.Text(7);
  request.csr = row.Blob(8);
  request.created_at = absl::FromUnixSeconds(row.Int(9));
  request.expires_at = absl::FromUnixSeconds(row.Int(10));
  request.reason = row.Text(12);
  request.decided_at = row.IsNull(13) ? absl::InfinitePast()
                                      : absl::FromUnixSeconds(row.Int(13));
  const std::string state = row.Text(11);
  for (State known : kStates) {
    if (state == PendingStateName(known)) {
      request.state = known;
      return request;
    }
  }
  return absl::InternalError(absl::StrCat("database: pending request ",
                                          request.id, " is in no known state"));
}

}  // namespace

absl::StatusOr<PendingRequest> SelectPending(SqlConnection& database,
                                             int64_t id) {
  absl::StatusOr<SqlStatement> query =
      database.Prepare(absl::StrCat(kSelectPending, "WHERE p.id = ?"));
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(id).ExpectRow("pending request");
  if (!status.ok()) return status;
  return ReadPending(*query);
}

namespace {

absl::StatusOr<PendingRequest> SelectMatching(SqlConnection& database,
                                              const PendingRequest& request) {
  absl::StatusOr<SqlStatement> query =
      database.Prepare(absl::StrCat(kSelectPending,
                                    "WHERE p.identity_id = ? AND p.label = ?"
                                    " AND p.operation = ? AND p.key_sha256 = ?"
                                    " AND p.subject_der = ?"));
  if (!query.ok()) return query.status();
  query->Bind(request.identity_id)
      .Bind(request.label)
      .Bind(request.operation)
      .Bind(ByteView(request.key_sha256))
      .Bind(ByteView(SubjectKey(request.subject_der)));
  absl::Status status = query->ExpectRow("pending request");
  if (!status.ok()) return status;
  return ReadPending(*query);
}

absl::Status DeleteExpired(SqlConnection& database, absl::Time now) {
  absl::StatusOr<SqlStatement> remove =
      database.Prepare("DELETE FROM pending_requests WHERE expires_at <= ?");
  if (!remove.ok()) return remove.status();
  return remove->Bind(absl::ToUnixSeconds(now)).Run();
}

// kResourceExhausted: the label, or the identity at it, has no place.
absl::Status CheckPlace(SqlConnection& database, const PendingRequest& request,
                        size_t max_waiting) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT count(*), count(*) FILTER (WHERE identity_id = ?)"
      " FROM pending_requests WHERE label = ? AND state = ?");
  if (!query.ok()) return query.status();
  query->Bind(request.identity_id)
      .Bind(request.label)
      .Bind(PendingStateName(request.state));
  absl::Status status = query->ExpectRow("count");
  if (!status.ok()) return status;
  if (static_cast<size_t>(query->Int(0)) >= max_waiting) {
    return absl::ResourceExhaustedError(
        "too many requests wait for an approval already");
  }
  if (static_cast<size_t>(query->Int(1)) >=
      EnrollmentStore::kMaxWaitingOfIdentity) {
    return absl::ResourceExhaustedError(
        "too many requests of this identity wait for an approval already");
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> InsertPending(SqlConnection& database,
                                      const PendingRequest& request) {
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO pending_requests (label, identity_id, key_sha256,"
      " subject_der, operation, subject, csr, created_at, expires_at, state)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id");
  if (!insert.ok()) return insert.status();
  return ReturnedId(insert->Bind(request.label)
                        .Bind(request.identity_id)
                        .Bind(ByteView(request.key_sha256))
                        .Bind(ByteView(SubjectKey(request.subject_der)))
                        .Bind(request.operation)
                        .Bind(StorableText(request.subject, kMaxSubjectText))
                        .Bind(ByteView(request.csr))
                        .Bind(absl::ToUnixSeconds(request.created_at))
                        .Bind(absl::ToUnixSeconds(request.expires_at))
                        .Bind(PendingStateName(request.state)));
}

absl::StatusOr<Issued> IssuedFor(SqlConnection& database, int64_t pending_id) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT c.certificate, c.serial, c.revoked_at FROM pending_requests p"
      " JOIN certificates c ON c.id = p.certificate_id WHERE p.id = ?");
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(pending_id).ExpectRow("certificate");
  if (!status.ok()) return status;
  if (!query->IsNull(2)) {
    return RefuseIssue(
        IssueRefusal::kRevoked,
        "the certificate that was issued for this request is revoked");
  }
  return Issued{query->Blob(0), query->Blob(1), /*repeated=*/true};
}

}  // namespace

const char* PendingStateName(State state) {
  switch (state) {
    case State::kWaiting:
      return "waiting";
    case State::kApproved:
      return "approved";
    case State::kRefused:
      return "refused";
    case State::kIssued:
      return "issued";
  }
  return "?";
}

absl::StatusOr<PendingRequest> FindOrInsertPending(SqlConnection& database,
                                                   PendingRequest request,
                                                   size_t max_waiting) {
  absl::Status status = DeleteExpired(database, request.created_at);
  if (!status.ok()) return status;
  if (request.identity_id == 0) {
    absl::StatusOr<int64_t> id = RegisterIdentity(
        database, request.identity, request.label, request.created_at);
    if (!id.ok()) return id.status();
    request.identity_id = *id;
  }
  absl::StatusOr<PendingRequest> found = SelectMatching(database, request);
  const bool reserves =
      request.reserves_secret && request.secret_id.has_value();
  if (found.ok() && reserves && found->state != State::kIssued) {
    // It was good when this was asked for first: the operator may take longer.
    status = ReserveSecret(database, request, found->created_at);
    if (!status.ok()) return status;
  }
  if (found.ok() || !absl::IsNotFound(found.status())) return found;
  if (request.secret_id.has_value()) {
    // Not before the operator, what could get nothing afterwards.
    status = CheckSecretFor(database, *request.secret_id, request.identity_id,
                            request.key_sha256, request.created_at);
    if (!status.ok()) return status;
  }
  status = CheckPlace(database, request, max_waiting);
  if (status.ok() && reserves) {
    status = ReserveSecret(database, request, request.created_at);
  }
  if (!status.ok()) return status;
  absl::StatusOr<int64_t> id = InsertPending(database, request);
  if (!id.ok()) return id.status();
  status = AppendAudit(database, request.audit);
  if (!status.ok()) return status;
  return SelectPending(database, *id);
}

absl::StatusOr<std::vector<PendingRequest>> SelectPendingPage(
    SqlConnection& database, absl::Time now, const Page& page) {
  absl::StatusOr<SqlStatement> query = database.Prepare(absl::StrCat(
      kSelectPending,
      "WHERE p.id > ? AND p.expires_at > ? ORDER BY p.id LIMIT ?"));
  if (!query.ok()) return query.status();
  query->Bind(page.after_id).Bind(now).Bind(static_cast<int64_t>(page.limit));
  std::vector<PendingRequest> requests;
  absl::Status status = query->ForEachRow([&] {
    absl::StatusOr<PendingRequest> request = ReadPending(*query);
    if (request.ok()) requests.push_back(*std::move(request));
    return request.status();
  });
  if (!status.ok()) return status;
  return requests;
}

absl::StatusOr<PendingRequest> UpdatePending(SqlConnection& database,
                                             int64_t id, bool approve,
                                             const std::string& reason,
                                             absl::Time now) {
  absl::StatusOr<PendingRequest> request = SelectPending(database, id);
  if (!request.ok()) return request.status();
  if (request->expires_at <= now) {
    return absl::NotFoundError("no such pending request");
  }
  if (request->state == State::kIssued) {
    return absl::FailedPreconditionError(
        absl::StrCat("request ", id, " has its certificate already"));
  }
  const absl::Duration wait =
      request->expires_at - (request->decided_at == absl::InfinitePast()
                                 ? request->created_at
                                 : request->decided_at);
  absl::StatusOr<SqlStatement> update = database.Prepare(
      "UPDATE pending_requests SET state = ?, reason = ?, decided_at = ?,"
      " expires_at = ? WHERE id = ?");
  if (!update.ok()) return update.status();
  absl::Status status =
      update
          ->Bind(PendingStateName(approve ? State::kApproved : State::kRefused))
          .Bind(reason)
          .Bind(absl::ToUnixSeconds(now))
          .Bind(absl::ToUnixSeconds(now + wait))
          .Bind(id)
          .Run();
  if (!status.ok()) return status;
  return SelectPending(database, id);
}

absl::StatusOr<std::optional<Issued>> RepeatForPending(
    SqlConnection& database, const Issuance& issuance) {
  const CertificateRecord& record = issuance.record;
  absl::StatusOr<PendingRequest> request =
      SelectPending(database, *issuance.pending_id);
  const absl::Status gone =
      absl::AbortedError("the request for approval is not there any more");
  if (absl::IsNotFound(request.status())) return gone;
  if (!request.ok()) return request.status();
  // The key of a CSR for /serverkeygen is not the certificate's.
  const bool same_key =
      record.server_key || request->key_sha256 == record.key_sha256;
  if (request->expires_at <= record.issued_at ||
      request->identity_id != record.identity_id ||
      request->label != record.label ||
      request->operation != record.operation || !same_key) {
    return gone;
  }
  switch (request->state) {
    case State::kApproved:
      return std::nullopt;
    case State::kIssued: {
      if (record.server_key)
        return gone;  // of a key that was sent, and is gone
      absl::StatusOr<Issued> issued = IssuedFor(database, *issuance.pending_id);
      if (!issued.ok()) return issued.status();
      return *std::move(issued);
    }
    case State::kWaiting:
    case State::kRefused:
      break;
  }
  return absl::AbortedError("the request is not approved any more");
}

absl::Status TakePending(SqlConnection& database, const Issuance& issuance,
                         int64_t certificate_id) {
  const CertificateRecord& record = issuance.record;
  // A server-made key is not here to be sent again: the row is over at once.
  const absl::Time expires_at =
      record.server_key ? record.issued_at
                        : record.issued_at + issuance.secret_retry_window;
  absl::StatusOr<SqlStatement> update = database.Prepare(
      "UPDATE pending_requests SET state = ?, certificate_id = ?,"
      " expires_at = ? WHERE id = ?");
  if (!update.ok()) return update.status();
  return update->Bind(PendingStateName(State::kIssued))
      .Bind(certificate_id)
      .Bind(absl::ToUnixSeconds(expires_at))
      .Bind(*issuance.pending_id)
      .Run();
}

}  // namespace bestow::server
