// The Store on SQLite: one writer thread, many records to one fsync.
#ifndef SERVER_STORE_SQLITE_STORE_H_
#define SERVER_STORE_SQLITE_STORE_H_

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/store/database.h"
#include "server/store/store.h"

namespace bestow::server {

// Group commit: the writer takes what has gathered in its queue while the
// last commit was on its way to the disk, runs each job in a SAVEPOINT of one
// transaction (so that one that fails takes none with it), commits once, and
// only then tells each caller.
class SqliteStore : public Store {
 public:
  struct Options {
    size_t max_queued = 4096;  // jobs; beyond it: kResourceExhausted
    size_t max_batch = 256;    // jobs in one transaction
  };

  // Makes the file and its tables.
  static absl::Status Create(const std::string& path);
  // Opens an existing one, and brings an older schema up to ours.
  // kFailedPrecondition: not there, not ours, or of a newer schema.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(
      const std::string& path, Options options);
  // Finishes what is queued, calling every `done`.
  ~SqliteStore() override;

  void Issue(Issuance issuance, IssueDone done) override;
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

  // The operator's commands; they wait for the disk. Each makes the identity
  // when it is not there, and extends it by `options` when it is.
  absl::Status AddIdentity(const std::string& name,
                           const IdentityOptions& options, absl::Time now);
  // `replace` false: kAlreadyExists when it has a password. `digest` takes the
  // place of the old password's; empty: Digest is not for this password.
  absl::Status SetPassword(const std::string& name,
                           const std::string& password_hash, bool replace,
                           absl::Time now, const IdentityOptions& options = {},
                           const std::vector<DigestSecret>& digest = {});
  absl::Status AddSecret(const std::string& name, ByteView secret_sha256,
                         absl::Time now, absl::Time expires_at,
                         const IdentityOptions& options = {},
                         const std::vector<DigestSecret>& digest = {});
  // kAlreadyExists: the identifier is taken.
  absl::Status AddPreSharedKey(const std::string& name, ByteView key_identifier,
                               ByteView sealed_key, absl::Time now,
                               const IdentityOptions& options = {});
  // The operator's word, which may change until the certificate is issued; it
  // is good for as long as the wait for it could have been. `reason` goes to
  // the client of a refused request. kNotFound: none, or expired.
  // kFailedPrecondition: it has its certificate.
  absl::StatusOr<PendingRequest> DecidePending(int64_t id, bool approve,
                                               const std::string& reason,
                                               absl::Time now);
  // kInvalidArgument: the window ends before it begins.
  absl::StatusOr<int64_t> AddRenewalOrder(const RenewalOrder& order);

  // Everything of a kind, oldest first. Pending ones: those not expired.
  absl::Status ForEachCertificate(
      const std::function<void(const CertificateRecord&)>& visit);
  absl::Status ForEachPending(
      absl::Time now, const std::function<void(const PendingRequest&)>& visit);
  absl::Status ForEachRenewalOrder(
      const std::function<void(const RenewalOrder&)>& visit);

  // Transactions committed so far, for tests of group commit.
  int64_t commit_count() const;

 private:
  // `run` works inside the transaction; `finish` gets its status, or why the
  // transaction failed.
  struct Job {
    std::function<absl::Status(Database&)> run;
    std::function<void(absl::Status)> finish;
  };

  SqliteStore(std::string path, Options options,
              std::unique_ptr<Database> writer);
  void Submit(Job job);
  // A job with a result, which lives until `done` has it.
  template <typename T>
  void Submit(std::function<absl::StatusOr<T>(Database&)> run,
              std::function<void(absl::StatusOr<T>)> done);
  absl::Status SubmitAndWait(std::function<absl::Status(Database&)> run);
  void WriterLoop();
  void RunBatch(std::vector<Job>& batch);
  // Lends a read connection to `use`.
  absl::Status Read(const std::function<absl::Status(Database&)>& use);
  template <typename T>
  absl::StatusOr<T> ReadOne(
      const std::function<absl::StatusOr<T>(Database&)>& select);

  const std::string path_;
  const Options options_;
  const std::unique_ptr<Database> writer_;  // the writer thread's own

  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Database>> readers_;  // those not lent

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  int64_t commit_count_ = 0;

  std::thread thread_;  // last: starts when the rest is whole
};

}  // namespace bestow::server

#endif  // SERVER_STORE_SQLITE_STORE_H_
