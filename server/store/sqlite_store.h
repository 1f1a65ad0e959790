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
  // Opens an existing one. kFailedPrecondition: not there, not ours, or of
  // another schema version.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(
      const std::string& path, Options options);
  // Finishes what is queued, calling every `done`.
  ~SqliteStore() override;

  void Issue(Issuance issuance, IssueDone done) override;
  absl::StatusOr<Identity> FindIdentity(const std::string& name) override;
  absl::StatusOr<SecretRecord> FindSecret(int64_t identity_id,
                                          ByteView secret_sha256) override;
  absl::StatusOr<CertificateRecord> FindCertificate(ByteView serial) override;

  // The operator's commands; they wait for the disk.
  // Makes the identity or gives it a (new) password; `replace` false:
  // kAlreadyExists when it has one.
  absl::Status SetPassword(const std::string& name,
                           const std::string& password_hash, bool replace,
                           absl::Time now);
  // Makes the identity when it is not there.
  absl::Status AddSecret(const std::string& name, ByteView secret_sha256,
                         absl::Time now, absl::Time expires_at);
  // Every issued certificate, oldest first.
  absl::Status ForEachCertificate(
      const std::function<void(const CertificateRecord&)>& visit);

  // Transactions committed so far, for tests of group commit.
  int64_t commit_count() const;

 private:
  // `run` works inside the transaction; `finish` gets its result, or why the
  // transaction failed.
  struct Job {
    std::function<absl::StatusOr<Issued>(Database&)> run;
    IssueDone finish;
  };

  SqliteStore(std::string path, Options options,
              std::unique_ptr<Database> writer);
  void Submit(Job job);
  absl::Status SubmitAndWait(std::function<absl::Status(Database&)> run);
  void WriterLoop();
  void RunBatch(std::vector<Job>& batch);
  // Lends a read connection to `use`.
  absl::Status Read(const std::function<absl::Status(Database&)>& use);

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
