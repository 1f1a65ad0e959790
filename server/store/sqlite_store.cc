#include "server/store/sqlite_store.h"

#include <future>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "server/store/schema.h"
#include "server/store/statements.h"

namespace bestow::server {
namespace {

// Runs one job so that its failure leaves the transaction as it was before.
// `transaction` becomes why, when the whole transaction must not be committed:
// SQLite has rolled it back by itself (a full disk, an I/O error), or the
// failed job's writes could not be taken back.
absl::StatusOr<Issued> RunInSavepoint(
    Database& database,
    const std::function<absl::StatusOr<Issued>(Database&)>& run,
    absl::Status* transaction) {
  *transaction = database.Execute("SAVEPOINT job");
  if (!transaction->ok()) return *transaction;
  absl::StatusOr<Issued> result = run(database);
  if (!database.in_transaction()) {
    *transaction = result.ok()
                       ? absl::InternalError("the transaction has ended early")
                       : result.status();
    return *transaction;
  }
  if (!result.ok()) *transaction = database.Execute("ROLLBACK TO job");
  if (transaction->ok()) *transaction = database.Execute("RELEASE job");
  return result;
}

}  // namespace

absl::Status SqliteStore::Create(const std::string& path) {
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(path, Database::Mode::kCreate);
  if (!database.ok()) return database.status();
  return CreateSchema(**database);
}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(
    const std::string& path, Options options) {
  absl::StatusOr<std::unique_ptr<Database>> writer =
      Database::Open(path, Database::Mode::kReadWrite);
  if (!writer.ok()) return writer.status();
  absl::Status status = CheckSchema(**writer, path);
  if (!status.ok()) return status;
  return std::unique_ptr<SqliteStore>(
      new SqliteStore(path, options, *std::move(writer)));
}

SqliteStore::SqliteStore(std::string path, Options options,
                         std::unique_ptr<Database> writer)
    : path_(std::move(path)),
      options_(options),
      writer_(std::move(writer)),
      thread_([this] { WriterLoop(); }) {}

SqliteStore::~SqliteStore() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void SqliteStore::Submit(Job job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (queue_.size() < options_.max_queued) {
      queue_.push_back(std::move(job));
      wake_.notify_one();
      return;
    }
  }
  job.finish(absl::ResourceExhaustedError(
      "too many issuances are waiting for the disk"));
}

absl::Status SqliteStore::SubmitAndWait(
    std::function<absl::Status(Database&)> run) {
  std::promise<absl::Status> promise;
  Submit(Job{[&run](Database& database) -> absl::StatusOr<Issued> {
               absl::Status status = run(database);
               if (!status.ok()) return status;
               return Issued{};
             },
             [&promise](absl::StatusOr<Issued> result) {
               promise.set_value(result.status());
             }});
  return promise.get_future().get();
}

void SqliteStore::WriterLoop() {
  for (;;) {
    std::vector<Job> batch;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      while (!queue_.empty() && batch.size() < options_.max_batch) {
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    RunBatch(batch);
  }
}

void SqliteStore::RunBatch(std::vector<Job>& batch) {
  std::vector<absl::StatusOr<Issued>> results;
  absl::Status status = writer_->Execute("BEGIN IMMEDIATE");
  for (size_t i = 0; status.ok() && i < batch.size(); ++i) {
    results.push_back(RunInSavepoint(*writer_, batch[i].run, &status));
  }
  if (status.ok() && Failpoint("store.before_commit")) {
    status = absl::InternalError("failpoint store.before_commit");
  }
  if (status.ok()) status = writer_->Execute("COMMIT");
  if (status.ok()) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++commit_count_;
    }
    if (Failpoint("store.after_commit")) {
      status = absl::InternalError("failpoint store.after_commit");
    }
  }
  // A rollback that fails leaves no transaction either, or the next BEGIN
  // says so.
  if (writer_->in_transaction()) writer_->Execute("ROLLBACK").IgnoreError();
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!status.ok()) {
      batch[i].finish(status);
    } else {
      batch[i].finish(std::move(results[i]));
    }
  }
}

absl::Status SqliteStore::Read(
    const std::function<absl::Status(Database&)>& use) {
  std::unique_ptr<Database> database;
  {
    std::lock_guard<std::mutex> lock(readers_mutex_);
    if (!readers_.empty()) {
      database = std::move(readers_.back());
      readers_.pop_back();
    }
  }
  if (database == nullptr) {
    absl::StatusOr<std::unique_ptr<Database>> opened =
        Database::Open(path_, Database::Mode::kReadOnly);
    if (!opened.ok()) {
      return absl::UnavailableError(opened.status().message());
    }
    database = *std::move(opened);
  }
  absl::Status status = use(*database);
  std::lock_guard<std::mutex> lock(readers_mutex_);
  readers_.push_back(std::move(database));
  return status;
}

void SqliteStore::Issue(Issuance issuance, IssueDone done) {
  Submit(Job{[issuance = std::move(issuance)](Database& database) {
               return InsertIssuance(database, issuance);
             },
             std::move(done)});
}

absl::StatusOr<Identity> SqliteStore::FindIdentity(const std::string& name) {
  std::optional<Identity> found;
  absl::Status status = Read([&](Database& database) {
    absl::StatusOr<Identity> identity = SelectIdentity(database, name);
    if (identity.ok()) found = *std::move(identity);
    return identity.status();
  });
  if (!status.ok()) return status;
  return *std::move(found);
}

absl::StatusOr<SecretRecord> SqliteStore::FindSecret(int64_t identity_id,
                                                     ByteView secret_sha256) {
  std::optional<SecretRecord> found;
  absl::Status status = Read([&](Database& database) {
    absl::StatusOr<SecretRecord> secret =
        SelectSecret(database, identity_id, secret_sha256);
    if (secret.ok()) found = *std::move(secret);
    return secret.status();
  });
  if (!status.ok()) return status;
  return *std::move(found);
}

absl::StatusOr<CertificateRecord> SqliteStore::FindCertificate(
    ByteView serial) {
  std::optional<CertificateRecord> found;
  absl::Status status = Read([&](Database& database) {
    absl::StatusOr<CertificateRecord> record =
        SelectCertificate(database, serial);
    if (record.ok()) found = *std::move(record);
    return record.status();
  });
  if (!status.ok()) return status;
  return *std::move(found);
}

absl::Status SqliteStore::SetPassword(const std::string& name,
                                      const std::string& password_hash,
                                      bool replace, absl::Time now) {
  return SubmitAndWait([&](Database& database) {
    return UpsertPassword(database, name, password_hash, replace, now);
  });
}

absl::Status SqliteStore::AddSecret(const std::string& name,
                                    ByteView secret_sha256, absl::Time now,
                                    absl::Time expires_at) {
  return SubmitAndWait([&](Database& database) {
    return InsertSecret(database, name, secret_sha256, now, expires_at);
  });
}

absl::Status SqliteStore::ForEachCertificate(
    const std::function<void(const CertificateRecord&)>& visit) {
  return Read([&](Database& database) {
    return SelectAllCertificates(database, visit);
  });
}

int64_t SqliteStore::commit_count() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return commit_count_;
}

}  // namespace bestow::server
