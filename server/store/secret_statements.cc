#include "server/store/secret_statements.h"

#include <string>
#include <utility>

namespace bestow::server {
namespace {

struct SecretState {
  absl::Time expires_at;
  Bytes bound_key_sha256;  // empty: free
  absl::Time bound_at;
  // Of the certificate that it gave:
  std::string label;
  Bytes certificate;
  Bytes serial;
  bool revoked = false;
};

absl::StatusOr<SecretState> SelectState(SqlConnection& database,
                                        int64_t secret_id,
                                        int64_t identity_id) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT s.expires_at, s.bound_key_sha256, s.bound_at, c.label,"
      " c.certificate, c.serial, c.revoked_at"
      " FROM secrets s LEFT JOIN certificates c ON c.id = s.certificate_id"
      " WHERE s.id = ? AND s.identity_id = ?");
  if (!query.ok()) return query.status();
  absl::Status status =
      query->Bind(secret_id).Bind(identity_id).ExpectRow("one-time secret");
  if (!status.ok()) return status;
  SecretState state;
  state.expires_at = absl::FromUnixSeconds(query->Int(0));
  if (query->IsNull(1)) return state;
  state.bound_key_sha256 = query->Blob(1);
  state.bound_at = absl::FromUnixSeconds(query->Int(2));
  state.label = query->Text(3);
  state.certificate = query->Blob(4);
  state.serial = query->Blob(5);
  state.revoked = !query->IsNull(6);
  return state;
}

absl::Status CheckState(const SecretState& state, ByteView key_sha256,
                        absl::Time asked_at) {
  if (state.bound_key_sha256.empty()) {
    return asked_at < state.expires_at
               ? absl::OkStatus()
               : absl::PermissionDeniedError(
                     "the one-time secret has expired unused");
  }
  return ByteView(state.bound_key_sha256) == key_sha256
             ? absl::OkStatus()
             : absl::PermissionDeniedError(
                   "the one-time secret has served another key");
}

// When the issuance was asked for: before the operator's word, if there is one.
absl::StatusOr<absl::Time> AskedAt(SqlConnection& database,
                                   const Issuance& issuance) {
  if (!issuance.pending_id.has_value()) return issuance.record.issued_at;
  absl::StatusOr<SqlStatement> query =
      database.Prepare("SELECT created_at FROM pending_requests WHERE id = ?");
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> row = query->Bind(*issuance.pending_id).Step();
  if (!row.ok()) return row.status();
  // One that is not there is refused for that, see RepeatForPending().
  return *row ? absl::FromUnixSeconds(query->Int(0))
              : issuance.record.issued_at;
}

}  // namespace

absl::Status CheckSecretFor(SqlConnection& database, int64_t secret_id,
                            int64_t identity_id, ByteView key_sha256,
                            absl::Time asked_at) {
  absl::StatusOr<SecretState> state =
      SelectState(database, secret_id, identity_id);
  if (!state.ok()) return state.status();
  return CheckState(*state, key_sha256, asked_at);
}

absl::Status ReserveSecret(SqlConnection& database,
                           const PendingRequest& request, absl::Time asked_at) {
  absl::StatusOr<SecretState> state =
      SelectState(database, *request.secret_id, request.identity_id);
  if (!state.ok()) return state.status();
  absl::Status status = CheckState(*state, request.key_sha256, asked_at);
  if (!status.ok()) return status;
  if (!state->certificate.empty()) {
    return absl::PermissionDeniedError(
        "the one-time secret was used, and its time to be repeated is over");
  }
  absl::StatusOr<SqlStatement> reserve = database.Prepare(
      "UPDATE secrets SET bound_key_sha256 = ?, bound_at = ? WHERE id = ?");
  if (!reserve.ok()) return reserve.status();
  return reserve->Bind(ByteView(request.key_sha256))
      .Bind(absl::ToUnixSeconds(request.created_at))
      .Bind(*request.secret_id)
      .Run();
}

absl::StatusOr<std::optional<Issued>> RepeatForSecret(
    SqlConnection& database, const Issuance& issuance) {
  const CertificateRecord& record = issuance.record;
  absl::StatusOr<SecretState> state =
      SelectState(database, *issuance.secret_id, record.identity_id);
  if (!state.ok()) return state.status();
  absl::StatusOr<absl::Time> asked_at = AskedAt(database, issuance);
  if (!asked_at.ok()) return asked_at.status();
  absl::Status status = CheckState(*state, record.key_sha256, *asked_at);
  if (!status.ok()) return status;
  // Free, or reserved for this key.
  if (state->certificate.empty()) return std::nullopt;
  if (state->label != record.label) {
    return absl::PermissionDeniedError(
        "the one-time secret has served another label");
  }
  if (state->revoked) {
    return absl::PermissionDeniedError(
        "the certificate that the one-time secret gave is revoked");
  }
  if (record.issued_at >= state->bound_at + issuance.secret_retry_window) {
    return absl::PermissionDeniedError(
        "the one-time secret was used, and its time to be repeated is over");
  }
  return Issued{std::move(state->certificate), std::move(state->serial),
                /*repeated=*/true};
}

absl::Status BindSecret(SqlConnection& database, const Issuance& issuance,
                        int64_t certificate_id) {
  absl::StatusOr<SqlStatement> bind = database.Prepare(
      "UPDATE secrets SET bound_key_sha256 = ?, bound_at = ?,"
      " certificate_id = ? WHERE id = ?");
  if (!bind.ok()) return bind.status();
  return bind->Bind(ByteView(issuance.record.key_sha256))
      .Bind(absl::ToUnixSeconds(issuance.record.issued_at))
      .Bind(certificate_id)
      .Bind(*issuance.secret_id)
      .Run();
}

}  // namespace bestow::server
