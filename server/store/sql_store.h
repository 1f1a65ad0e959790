// The Store on any engine: reads on connections of their own, writes through
// the one writer.
#ifndef SERVER_STORE_SQL_STORE_H_
#define SERVER_STORE_SQL_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/store/read_pool.h"
#include "server/store/sql.h"
#include "server/store/store.h"
#include "server/store/store_writer.h"

namespace bestow::server {

class SqlStore : public Store {
 public:
  // `writer` comes from `engine`, and its schema is ours.
  SqlStore(std::unique_ptr<SqlEngine> engine,
           std::unique_ptr<SqlConnection> writer, size_t max_queued,
           size_t max_batch);
  // Finishes what is queued, calling every `done`.
  ~SqlStore() override;

  void Issue(Issuance issuance, IssueDone done) override;
  void CheckIssuable(Issuance issuance, CheckDone done) override;
  void FindOrAddPending(PendingRequest request, size_t max_waiting,
                        PendingDone done) override;
  absl::StatusOr<Identity> FindIdentity(const std::string& name) override;
  absl::StatusOr<SecretRecord> FindSecret(int64_t identity_id,
                                          ByteView secret_sha256) override;
  absl::Status CheckUnused(int64_t identity_id, int64_t secret_id,
                           absl::Time asked_at) override;
  absl::StatusOr<std::vector<DigestSecret>> FindDigestSecrets(
      int64_t identity_id, const std::string& realm,
      const std::string& algorithm) override;
  absl::StatusOr<PreSharedKey> FindPreSharedKey(
      ByteView key_identifier) override;
  absl::StatusOr<CertificateRecord> FindCertificate(ByteView serial) override;
  absl::StatusOr<CertificateRecord> FindCertificateByKey(
      int64_t identity_id, ByteView key_sha256_or_key_id) override;
  absl::StatusOr<RenewalOrder> FindRenewalOrder(
      const CertificateRecord& record) override;

  absl::Status AddIdentity(const std::string& name,
                           const IdentityOptions& options, absl::Time now,
                           const AuditEntry& audit) override;
  absl::Status SetPassword(const std::string& name,
                           const std::string& password_hash, bool replace,
                           absl::Time now, const IdentityOptions& options,
                           const std::vector<DigestSecret>& digest,
                           const AuditEntry& audit) override;
  absl::Status AddSecret(const std::string& name, ByteView secret_sha256,
                         absl::Time now, absl::Time expires_at,
                         const IdentityOptions& options,
                         const std::vector<DigestSecret>& digest,
                         const AuditEntry& audit) override;
  absl::Status AddPreSharedKey(const std::string& name, ByteView key_identifier,
                               ByteView sealed_key, absl::Time now,
                               const IdentityOptions& options,
                               const AuditEntry& audit) override;
  absl::Status RemoveIdentity(const std::string& name, absl::Time now,
                              const AuditEntry& audit) override;
  absl::Status RemovePassword(const std::string& name,
                              const AuditEntry& audit) override;
  absl::Status RemoveSecret(int64_t id, const AuditEntry& audit) override;
  absl::Status RemovePreSharedKey(ByteView key_identifier,
                                  const AuditEntry& audit) override;
  absl::StatusOr<PendingRequest> DecidePending(
      int64_t id, bool approve, const std::string& reason, absl::Time now,
      const AuditEntry& audit) override;
  absl::StatusOr<int64_t> AddRenewalOrder(const RenewalOrder& order,
                                          const AuditEntry& audit) override;
  absl::StatusOr<int64_t> AddTrustAnchor(const TrustAnchorRecord& anchor,
                                         const AuditEntry& audit) override;
  absl::Status RemoveTrustAnchor(int64_t id, const AuditEntry& audit) override;
  absl::StatusOr<std::vector<TrustAnchorRecord>> ListTrustAnchors() override;
  absl::StatusOr<int64_t> AnchorsVersion() override;
  absl::StatusOr<std::vector<CertificateRecord>> ListCertificates(
      const CertificateFilter& filter, const Page& page) override;
  absl::StatusOr<std::vector<Identity>> ListIdentities(
      const Page& page) override;
  absl::StatusOr<std::vector<SecretListing>> ListSecrets(
      const Page& page) override;
  absl::StatusOr<std::vector<PreSharedKeyListing>> ListPreSharedKeys(
      const Page& page) override;
  absl::StatusOr<std::vector<PendingRequest>> ListPending(
      absl::Time now, const Page& page) override;
  absl::StatusOr<PendingRequest> FindPending(int64_t id,
                                             absl::Time now) override;
  absl::StatusOr<std::vector<RenewalOrder>> ListRenewalOrders(
      const Page& page) override;
  absl::StatusOr<Statistics> CountAll(absl::Time now) override;

  absl::StatusOr<std::vector<CertificateRecord>> Revoke(
      const RevokeOrder& order) override;
  absl::StatusOr<std::vector<RevokedCertificate>> ListRevoked(
      ByteView issuer_key_id, absl::Time now,
      std::optional<absl::Time> changed_since) override;
  absl::StatusOr<std::optional<absl::Time>> LastExpiry(
      ByteView issuer_key_id) override;
  absl::StatusOr<StoredCrl> FindCrl(ByteView issuer_key_id,
                                    bool delta) override;
  absl::Status AddCrls(const std::vector<StoredCrl>& crls,
                       const AuditEntry& audit) override;

  void Append(AuditEntry entry) override;
  absl::Status AppendAndWait(AuditEntry entry) override;
  absl::StatusOr<std::vector<AuditRecord>> ReadAudit(int64_t after_sequence,
                                                     size_t limit) override;
  absl::StatusOr<AuditRecord> LastAudit() override;

  absl::StatusOr<Bytes> FindSetting(const std::string& name) override;
  absl::StatusOr<Bytes> FindOrAddSetting(const std::string& name,
                                         ByteView value) override;
  absl::Status SetSetting(const std::string& name, ByteView value,
                          const AuditEntry& audit) override;

  void UseNonce(NonceUse use, NonceDone done) override;

  bool is_shared() const override;
  absl::Status BackupTo(const std::string& path) override;
  int64_t commit_count() const override;

 private:
  // A write with a result, which lives until `done` has it.
  template <typename T>
  void Submit(std::function<absl::StatusOr<T>(SqlConnection&)> run,
              std::function<void(absl::StatusOr<T>)> done);
  // Writes, then the audit entry, in one transaction; waits for the disk.
  absl::Status Write(const AuditEntry& audit,
                     const std::function<absl::Status(SqlConnection&)>& run);
  template <typename T>
  absl::StatusOr<T> WriteOne(
      const AuditEntry& audit,
      const std::function<absl::StatusOr<T>(SqlConnection&)>& run);
  template <typename T>
  absl::StatusOr<T> ReadOne(
      const std::function<absl::StatusOr<T>(SqlConnection&)>& select);
  // ReadOne(), for a page that is not too large.
  template <typename T>
  absl::StatusOr<std::vector<T>> ReadPage(
      const Page& page,
      const std::function<absl::StatusOr<std::vector<T>>(SqlConnection&)>&
          select);
  // What is to be written of entries that were lost, and forgets them.
  int64_t TakeLostEntries();
  void NoteLostEntries(int64_t count);

  const std::unique_ptr<SqlEngine> engine_;
  ReadPool readers_;
  std::mutex lost_mutex_;
  int64_t lost_entries_ = 0;
  StoreWriter writer_;  // last: its thread uses the rest
};

}  // namespace bestow::server

#endif  // SERVER_STORE_SQL_STORE_H_
