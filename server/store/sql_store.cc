#include "server/store/sql_store.h"

#include <future>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/store/anchor_statements.h"
#include "server/store/audit_statements.h"
#include "server/store/backup.h"
#include "server/store/certificate_statements.h"
#include "server/store/identity_statements.h"
#include "server/store/issuance_statements.h"
#include "server/store/listing_statements.h"
#include "server/store/nonce_statements.h"
#include "server/store/pending_statements.h"
#include "server/store/renewal_statements.h"
#include "server/store/revocation_statements.h"
#include "server/store/secret_statements.h"

namespace bestow::server {

SqlStore::SqlStore(std::unique_ptr<SqlEngine> engine,
                   std::unique_ptr<SqlConnection> writer, size_t max_queued,
                   size_t max_batch)
    : engine_(std::move(engine)),
      readers_(*engine_),
      writer_(*engine_, std::move(writer), max_queued, max_batch) {}

SqlStore::~SqlStore() = default;

template <typename T>
void SqlStore::Submit(std::function<absl::StatusOr<T>(SqlConnection&)> run,
                      std::function<void(absl::StatusOr<T>)> done) {
  auto value = std::make_shared<std::optional<T>>();
  writer_.Submit({[value, run = std::move(run)](SqlConnection& database) {
                    absl::StatusOr<T> result = run(database);
                    if (result.ok()) *value = *std::move(result);
                    return result.status();
                  },
                  [value, done = std::move(done)](absl::Status status) {
                    if (!status.ok()) return done(std::move(status));
                    done(**std::move(value));
                  }});
}

absl::Status SqlStore::Write(
    const AuditEntry& audit,
    const std::function<absl::Status(SqlConnection&)>& run) {
  std::promise<absl::Status> promise;
  writer_.Submit({[&](SqlConnection& database) {
                    absl::Status status = run(database);
                    if (!status.ok()) return status;
                    return AppendAudit(database, audit);
                  },
                  [&promise](absl::Status status) {
                    promise.set_value(std::move(status));
                  }});
  return promise.get_future().get();
}

template <typename T>
absl::StatusOr<T> SqlStore::WriteOne(
    const AuditEntry& audit,
    const std::function<absl::StatusOr<T>(SqlConnection&)>& run) {
  std::optional<T> value;
  absl::Status status = Write(audit, [&](SqlConnection& database) {
    absl::StatusOr<T> result = run(database);
    if (result.ok()) value = *std::move(result);
    return result.status();
  });
  if (!status.ok()) return status;
  return *std::move(value);
}

template <typename T>
absl::StatusOr<T> SqlStore::ReadOne(
    const std::function<absl::StatusOr<T>(SqlConnection&)>& select) {
  std::optional<T> found;
  absl::Status status = readers_.Read([&](SqlConnection& database) {
    absl::StatusOr<T> value = select(database);
    if (value.ok()) found = *std::move(value);
    return value.status();
  });
  if (!status.ok()) return status;
  return *std::move(found);
}

template <typename T>
absl::StatusOr<std::vector<T>> SqlStore::ReadPage(
    const Page& page,
    const std::function<absl::StatusOr<std::vector<T>>(SqlConnection&)>&
        select) {
  if (page.limit == 0 || page.limit > kMaxPage) {
    return absl::InvalidArgumentError(
        absl::StrCat("a page has 1 to ", kMaxPage, " rows"));
  }
  return ReadOne<std::vector<T>>(select);
}

void SqlStore::Issue(Issuance issuance, IssueDone done) {
  Submit<Issued>(
      [issuance = std::move(issuance)](SqlConnection& database) {
        return InsertIssuance(database, issuance);
      },
      std::move(done));
}

// It is issued, so that one set of rules decides, and undone: the writer takes
// back what a job that fails has done.
void SqlStore::CheckIssuable(Issuance issuance, CheckDone done) {
  issuance.secret_id.reset();
  issuance.pending_id.reset();
  issuance.audit = {};
  CertificateRecord& record = issuance.record;
  record.serial = record.key_sha256;  // longer than any certificate's
  record.not_before = record.issued_at;
  record.not_after = record.issued_at;
  writer_.Submit(
      {[issuance = std::move(issuance)](SqlConnection& database) {
         absl::Status status = InsertIssuance(database, issuance).status();
         return status.ok() ? absl::CancelledError("checked") : status;
       },
       [done = std::move(done)](absl::Status status) {
         done(absl::IsCancelled(status) ? absl::OkStatus() : std::move(status));
       }});
}

void SqlStore::FindOrAddPending(PendingRequest request, size_t max_waiting,
                                PendingDone done) {
  Submit<PendingRequest>(
      [request = std::move(request), max_waiting](SqlConnection& database) {
        return FindOrInsertPending(database, request, max_waiting);
      },
      std::move(done));
}

absl::StatusOr<Identity> SqlStore::FindIdentity(const std::string& name) {
  return ReadOne<Identity>(
      [&](SqlConnection& database) { return SelectIdentity(database, name); });
}

absl::StatusOr<SecretRecord> SqlStore::FindSecret(int64_t identity_id,
                                                  ByteView secret_sha256) {
  return ReadOne<SecretRecord>([&](SqlConnection& database) {
    return SelectSecret(database, identity_id, secret_sha256);
  });
}

absl::Status SqlStore::CheckUnused(int64_t identity_id, int64_t secret_id,
                                   absl::Time asked_at) {
  return readers_.Read([&](SqlConnection& database) {
    // No key has this hash.
    return CheckSecretFor(database, secret_id, identity_id, /*key_sha256=*/{},
                          asked_at);
  });
}

absl::StatusOr<std::vector<DigestSecret>> SqlStore::FindDigestSecrets(
    int64_t identity_id, const std::string& realm,
    const std::string& algorithm) {
  return ReadOne<std::vector<DigestSecret>>([&](SqlConnection& database) {
    return SelectDigestSecrets(database, identity_id, realm, algorithm,
                               kMaxDigestSecrets);
  });
}

absl::StatusOr<PreSharedKey> SqlStore::FindPreSharedKey(
    ByteView key_identifier) {
  return ReadOne<PreSharedKey>([&](SqlConnection& database) {
    return SelectPreSharedKey(database, key_identifier);
  });
}

absl::StatusOr<CertificateRecord> SqlStore::FindCertificate(ByteView serial) {
  return ReadOne<CertificateRecord>([&](SqlConnection& database) {
    return SelectCertificate(database, serial);
  });
}

absl::StatusOr<CertificateRecord> SqlStore::FindCertificateByKey(
    int64_t identity_id, ByteView key_sha256_or_key_id) {
  return ReadOne<CertificateRecord>([&](SqlConnection& database) {
    return SelectCertificateByKey(database, identity_id, key_sha256_or_key_id);
  });
}

absl::StatusOr<RenewalOrder> SqlStore::FindRenewalOrder(
    const CertificateRecord& record) {
  return ReadOne<RenewalOrder>([&](SqlConnection& database) {
    return SelectRenewalOrder(database, record);
  });
}

absl::StatusOr<std::vector<CertificateRecord>> SqlStore::Revoke(
    const RevokeOrder& order) {
  // Its audit entries are one for each certificate.
  return WriteOne<std::vector<CertificateRecord>>(
      {},
      [&](SqlConnection& database) { return UpdateRevoked(database, order); });
}

absl::StatusOr<std::vector<RevokedCertificate>> SqlStore::ListRevoked(
    ByteView issuer_key_id, absl::Time now,
    std::optional<absl::Time> changed_since) {
  return ReadOne<std::vector<RevokedCertificate>>([&](SqlConnection& database) {
    return SelectRevoked(database, issuer_key_id, now, changed_since);
  });
}

absl::StatusOr<std::optional<absl::Time>> SqlStore::LastExpiry(
    ByteView issuer_key_id) {
  return ReadOne<std::optional<absl::Time>>([&](SqlConnection& database) {
    return SelectLastExpiry(database, issuer_key_id);
  });
}

absl::StatusOr<StoredCrl> SqlStore::FindCrl(ByteView issuer_key_id,
                                            bool delta) {
  return ReadOne<StoredCrl>([&](SqlConnection& database) {
    return SelectCrl(database, issuer_key_id, delta);
  });
}

absl::Status SqlStore::AddCrls(const std::vector<StoredCrl>& crls,
                               const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    return InsertCrls(database, crls);
  });
}

int64_t SqlStore::TakeLostEntries() {
  std::lock_guard<std::mutex> lock(lost_mutex_);
  return std::exchange(lost_entries_, 0);
}

void SqlStore::NoteLostEntries(int64_t count) {
  std::lock_guard<std::mutex> lock(lost_mutex_);
  lost_entries_ += count;
}

void SqlStore::Append(AuditEntry entry) {
  const int64_t lost = TakeLostEntries();
  writer_.Submit({[entry = std::move(entry), lost](SqlConnection& database) {
                    if (lost > 0) {
                      AuditEntry gap;
                      gap.at = entry.at;
                      gap.actor = "server";
                      gap.source = "local";
                      gap.action = "audit";
                      gap.outcome = "failed";
                      gap.detail = absl::StrCat(
                          lost, " entries could not be written before this");
                      absl::Status status = AppendAudit(database, gap);
                      if (!status.ok()) return status;
                    }
                    return AppendAudit(database, entry);
                  },
                  [this, lost](absl::Status status) {
                    if (!status.ok()) NoteLostEntries(lost + 1);
                  }});
}

absl::Status SqlStore::AppendAndWait(AuditEntry entry) {
  return Write(entry, [](SqlConnection&) { return absl::OkStatus(); });
}

absl::StatusOr<std::vector<AuditRecord>> SqlStore::ReadAudit(
    int64_t after_sequence, size_t limit) {
  return ReadPage<AuditRecord>(
      {after_sequence, limit}, [&](SqlConnection& database) {
        return SelectAudit(database, after_sequence, limit);
      });
}

absl::StatusOr<AuditRecord> SqlStore::LastAudit() {
  return ReadOne<AuditRecord>(
      [](SqlConnection& database) { return SelectLastAudit(database); });
}

absl::StatusOr<Bytes> SqlStore::FindSetting(const std::string& name) {
  return ReadOne<Bytes>(
      [&](SqlConnection& database) { return SelectSetting(database, name); });
}

absl::StatusOr<Bytes> SqlStore::FindOrAddSetting(const std::string& name,
                                                 ByteView value) {
  return WriteOne<Bytes>(
      {}, [&](SqlConnection& database) -> absl::StatusOr<Bytes> {
        absl::StatusOr<Bytes> found = SelectSetting(database, name);
        if (!absl::IsNotFound(found.status())) return found;
        absl::Status status = UpsertSetting(database, name, value);
        if (!status.ok()) return status;
        return ToBytes(value);
      });
}

absl::Status SqlStore::SetSetting(const std::string& name, ByteView value,
                                  const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    return UpsertSetting(database, name, value);
  });
}

void SqlStore::UseNonce(NonceUse use, NonceDone done) {
  Submit<bool>(
      [use = std::move(use)](SqlConnection& database) {
        return TakeNonce(database, use);
      },
      std::move(done));
}

bool SqlStore::is_shared() const { return engine_->is_shared(); }

absl::Status SqlStore::BackupTo(const std::string& path) {
  absl::StatusOr<std::unique_ptr<SqlConnection>> from =
      engine_->Connect(SqlEngine::Access::kRead);
  if (!from.ok()) return from.status();
  return WriteBackup(**from, path);
}

int64_t SqlStore::commit_count() const { return writer_.commit_count(); }

// What follows are the operator's calls.

absl::Status SqlStore::AddIdentity(const std::string& name,
                                   const IdentityOptions& options,
                                   absl::Time now, const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    return UpsertIdentity(database, name, options, now).status();
  });
}

absl::Status SqlStore::SetPassword(const std::string& name,
                                   const std::string& password_hash,
                                   bool replace, absl::Time now,
                                   const IdentityOptions& options,
                                   const std::vector<DigestSecret>& digest,
                                   const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    absl::StatusOr<int64_t> id = UpsertIdentity(database, name, options, now);
    if (!id.ok()) return id.status();
    absl::Status status =
        SetIdentityPassword(database, *id, password_hash, replace);
    if (status.ok()) status = DeleteDigestSecrets(database, *id);
    if (!status.ok()) return status;
    return InsertDigestSecrets(database, *id, std::nullopt, digest);
  });
}

absl::Status SqlStore::AddSecret(const std::string& name,
                                 ByteView secret_sha256, absl::Time now,
                                 absl::Time expires_at,
                                 const IdentityOptions& options,
                                 const std::vector<DigestSecret>& digest,
                                 const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    absl::StatusOr<int64_t> id = UpsertIdentity(database, name, options, now);
    if (!id.ok()) return id.status();
    absl::StatusOr<int64_t> secret_id =
        InsertSecret(database, *id, secret_sha256, now, expires_at);
    if (!secret_id.ok()) return secret_id.status();
    return InsertDigestSecrets(database, *id, *secret_id, digest);
  });
}

absl::Status SqlStore::AddPreSharedKey(const std::string& name,
                                       ByteView key_identifier,
                                       ByteView sealed_key, absl::Time now,
                                       const IdentityOptions& options,
                                       const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    absl::StatusOr<int64_t> id = UpsertIdentity(database, name, options, now);
    if (!id.ok()) return id.status();
    return InsertPreSharedKey(
        database, {ToBytes(key_identifier), *id, name, ToBytes(sealed_key)},
        now);
  });
}

absl::Status SqlStore::RemoveIdentity(const std::string& name, absl::Time now,
                                      const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    return DeleteIdentity(database, name, now);
  });
}

absl::Status SqlStore::RemovePassword(const std::string& name,
                                      const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    return ClearPassword(database, name);
  });
}

absl::Status SqlStore::RemoveSecret(int64_t id, const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    return DeleteSecret(database, id);
  });
}

absl::Status SqlStore::RemovePreSharedKey(ByteView key_identifier,
                                          const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    return DeletePreSharedKey(database, key_identifier);
  });
}

absl::StatusOr<PendingRequest> SqlStore::DecidePending(
    int64_t id, bool approve, const std::string& reason, absl::Time now,
    const AuditEntry& audit) {
  return WriteOne<PendingRequest>(audit, [&](SqlConnection& database) {
    return UpdatePending(database, id, approve, reason, now);
  });
}

absl::StatusOr<int64_t> SqlStore::AddRenewalOrder(const RenewalOrder& order,
                                                  const AuditEntry& audit) {
  return WriteOne<int64_t>(audit, [&](SqlConnection& database) {
    return InsertRenewalOrder(database, order);
  });
}

absl::StatusOr<int64_t> SqlStore::AddTrustAnchor(
    const TrustAnchorRecord& anchor, const AuditEntry& audit) {
  return WriteOne<int64_t>(audit, [&](SqlConnection& database) {
    return InsertTrustAnchor(database, anchor);
  });
}

absl::Status SqlStore::RemoveTrustAnchor(int64_t id, const AuditEntry& audit) {
  return Write(audit, [&](SqlConnection& database) {
    return DeleteTrustAnchor(database, id);
  });
}

absl::StatusOr<std::vector<TrustAnchorRecord>> SqlStore::ListTrustAnchors() {
  return ReadOne<std::vector<TrustAnchorRecord>>(
      [](SqlConnection& database) { return SelectTrustAnchors(database); });
}

absl::StatusOr<int64_t> SqlStore::AnchorsVersion() {
  return ReadOne<int64_t>(
      [](SqlConnection& database) { return SelectAnchorsVersion(database); });
}

absl::StatusOr<std::vector<CertificateRecord>> SqlStore::ListCertificates(
    const CertificateFilter& filter, const Page& page) {
  return ReadPage<CertificateRecord>(page, [&](SqlConnection& database) {
    return SelectCertificatePage(database, filter, page);
  });
}

absl::StatusOr<std::vector<Identity>> SqlStore::ListIdentities(
    const Page& page) {
  return ReadPage<Identity>(page, [&](SqlConnection& database) {
    return SelectIdentityPage(database, page);
  });
}

absl::StatusOr<std::vector<SecretListing>> SqlStore::ListSecrets(
    const Page& page) {
  return ReadPage<SecretListing>(page, [&](SqlConnection& database) {
    return SelectSecretPage(database, page);
  });
}

absl::StatusOr<std::vector<PreSharedKeyListing>> SqlStore::ListPreSharedKeys(
    const Page& page) {
  return ReadPage<PreSharedKeyListing>(page, [&](SqlConnection& database) {
    return SelectPreSharedKeyPage(database, page);
  });
}

absl::StatusOr<std::vector<PendingRequest>> SqlStore::ListPending(
    absl::Time now, const Page& page) {
  return ReadPage<PendingRequest>(page, [&](SqlConnection& database) {
    return SelectPendingPage(database, now, page);
  });
}

absl::StatusOr<PendingRequest> SqlStore::FindPending(int64_t id,
                                                     absl::Time now) {
  return ReadOne<PendingRequest>(
      [&](SqlConnection& database) -> absl::StatusOr<PendingRequest> {
        absl::StatusOr<PendingRequest> request = SelectPending(database, id);
        if (request.ok() && request->expires_at <= now) {
          return absl::NotFoundError("no such pending request");
        }
        return request;
      });
}

absl::StatusOr<std::vector<RenewalOrder>> SqlStore::ListRenewalOrders(
    const Page& page) {
  return ReadPage<RenewalOrder>(page, [&](SqlConnection& database) {
    return SelectRenewalOrders(database, page);
  });
}

absl::StatusOr<Statistics> SqlStore::CountAll(absl::Time now) {
  return ReadOne<Statistics>(
      [&](SqlConnection& database) { return SelectStatistics(database, now); });
}

}  // namespace bestow::server
