#include "server/store/sqlite_store.h"

#include <future>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "server/store/identity_statements.h"
#include "server/store/issuance_statements.h"
#include "server/store/pending_statements.h"
#include "server/store/renewal_statements.h"
#include "server/store/schema.h"
#include "server/store/secret_statements.h"

namespace bestow::server {
namespace {

// Runs one job so that its failure leaves the transaction as it was before.
// `transaction` becomes why, when the whole transaction must not be committed:
// SQLite has rolled it back by itself (a full disk, an I/O error), or the
// failed job's writes could not be taken back.
absl::Status RunInSavepoint(Database& database,
                            const std::function<absl::Status(Database&)>& run,
                            absl::Status* transaction) {
  *transaction = database.Execute("SAVEPOINT job");
  if (!transaction->ok()) return *transaction;
  absl::Status result = run(database);
  if (!database.in_transaction()) {
    *transaction = result.ok()
                       ? absl::InternalError("the transaction has ended early")
                       : result;
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
  absl::Status status = UpgradeSchema(**writer, path);
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
  job.finish(
      absl::ResourceExhaustedError("too many writes are waiting for the disk"));
}

template <typename T>
void SqliteStore::Submit(std::function<absl::StatusOr<T>(Database&)> run,
                         std::function<void(absl::StatusOr<T>)> done) {
  auto value = std::make_shared<std::optional<T>>();
  Submit(Job{[value, run = std::move(run)](Database& database) {
               absl::StatusOr<T> result = run(database);
               if (result.ok()) *value = *std::move(result);
               return result.status();
             },
             [value, done = std::move(done)](absl::Status status) {
               if (!status.ok()) return done(std::move(status));
               done(**std::move(value));
             }});
}

absl::Status SqliteStore::SubmitAndWait(
    std::function<absl::Status(Database&)> run) {
  std::promise<absl::Status> promise;
  Submit(Job{std::move(run), [&promise](absl::Status status) {
               promise.set_value(std::move(status));
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
  std::vector<absl::Status> results;
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

template <typename T>
absl::StatusOr<T> SqliteStore::ReadOne(
    const std::function<absl::StatusOr<T>(Database&)>& select) {
  std::optional<T> found;
  absl::Status status = Read([&](Database& database) {
    absl::StatusOr<T> value = select(database);
    if (value.ok()) found = *std::move(value);
    return value.status();
  });
  if (!status.ok()) return status;
  return *std::move(found);
}

void SqliteStore::Issue(Issuance issuance, IssueDone done) {
  Submit<Issued>(
      [issuance = std::move(issuance)](Database& database) {
        return InsertIssuance(database, issuance);
      },
      std::move(done));
}

void SqliteStore::FindOrAddPending(PendingRequest request, size_t max_waiting,
                                   PendingDone done) {
  Submit<PendingRequest>(
      [request = std::move(request), max_waiting](Database& database) {
        return FindOrInsertPending(database, request, max_waiting);
      },
      std::move(done));
}

absl::StatusOr<Identity> SqliteStore::FindIdentity(const std::string& name) {
  return ReadOne<Identity>(
      [&](Database& database) { return SelectIdentity(database, name); });
}

absl::StatusOr<SecretRecord> SqliteStore::FindSecret(int64_t identity_id,
                                                     ByteView secret_sha256) {
  return ReadOne<SecretRecord>([&](Database& database) {
    return SelectSecret(database, identity_id, secret_sha256);
  });
}

absl::Status SqliteStore::CheckUnused(int64_t identity_id, int64_t secret_id,
                                      absl::Time asked_at) {
  return Read([&](Database& database) {
    // No key has this hash.
    return CheckSecretFor(database, secret_id, identity_id, /*key_sha256=*/{},
                          asked_at);
  });
}

absl::StatusOr<std::vector<DigestSecret>> SqliteStore::FindDigestSecrets(
    int64_t identity_id, const std::string& realm,
    const std::string& algorithm) {
  return ReadOne<std::vector<DigestSecret>>([&](Database& database) {
    return SelectDigestSecrets(database, identity_id, realm, algorithm,
                               kMaxDigestSecrets);
  });
}

absl::StatusOr<PreSharedKey> SqliteStore::FindPreSharedKey(
    ByteView key_identifier) {
  return ReadOne<PreSharedKey>([&](Database& database) {
    return SelectPreSharedKey(database, key_identifier);
  });
}

absl::StatusOr<CertificateRecord> SqliteStore::FindCertificate(
    ByteView serial) {
  return ReadOne<CertificateRecord>(
      [&](Database& database) { return SelectCertificate(database, serial); });
}

absl::StatusOr<CertificateRecord> SqliteStore::FindCertificateByKey(
    int64_t identity_id, ByteView key_sha256_or_key_id) {
  return ReadOne<CertificateRecord>([&](Database& database) {
    return SelectCertificateByKey(database, identity_id, key_sha256_or_key_id);
  });
}

absl::StatusOr<RenewalOrder> SqliteStore::FindRenewalOrder(
    const CertificateRecord& record) {
  return ReadOne<RenewalOrder>(
      [&](Database& database) { return SelectRenewalOrder(database, record); });
}

absl::Status SqliteStore::AddIdentity(const std::string& name,
                                      const IdentityOptions& options,
                                      absl::Time now) {
  return SubmitAndWait([&](Database& database) {
    return UpsertIdentity(database, name, options, now).status();
  });
}

absl::Status SqliteStore::SetPassword(const std::string& name,
                                      const std::string& password_hash,
                                      bool replace, absl::Time now,
                                      const IdentityOptions& options,
                                      const std::vector<DigestSecret>& digest) {
  return SubmitAndWait([&](Database& database) {
    absl::StatusOr<int64_t> id = UpsertIdentity(database, name, options, now);
    if (!id.ok()) return id.status();
    absl::Status status =
        SetIdentityPassword(database, *id, password_hash, replace);
    if (status.ok()) status = DeleteDigestSecrets(database, *id);
    if (!status.ok()) return status;
    return InsertDigestSecrets(database, *id, std::nullopt, digest);
  });
}

absl::Status SqliteStore::AddSecret(const std::string& name,
                                    ByteView secret_sha256, absl::Time now,
                                    absl::Time expires_at,
                                    const IdentityOptions& options,
                                    const std::vector<DigestSecret>& digest) {
  return SubmitAndWait([&](Database& database) {
    absl::StatusOr<int64_t> id = UpsertIdentity(database, name, options, now);
    if (!id.ok()) return id.status();
    absl::StatusOr<int64_t> secret_id =
        InsertSecret(database, *id, secret_sha256, now, expires_at);
    if (!secret_id.ok()) return secret_id.status();
    return InsertDigestSecrets(database, *id, *secret_id, digest);
  });
}

absl::Status SqliteStore::AddPreSharedKey(const std::string& name,
                                          ByteView key_identifier,
                                          ByteView sealed_key, absl::Time now,
                                          const IdentityOptions& options) {
  return SubmitAndWait([&](Database& database) {
    absl::StatusOr<int64_t> id = UpsertIdentity(database, name, options, now);
    if (!id.ok()) return id.status();
    return InsertPreSharedKey(
        database, {ToBytes(key_identifier), *id, name, ToBytes(sealed_key)},
        now);
  });
}

absl::StatusOr<PendingRequest> SqliteStore::DecidePending(
    int64_t id, bool approve, const std::string& reason, absl::Time now) {
  std::optional<PendingRequest> decided;
  absl::Status status = SubmitAndWait([&](Database& database) {
    absl::StatusOr<PendingRequest> request =
        UpdatePending(database, id, approve, reason, now);
    if (request.ok()) decided = *std::move(request);
    return request.status();
  });
  if (!status.ok()) return status;
  return *std::move(decided);
}

absl::StatusOr<int64_t> SqliteStore::AddRenewalOrder(
    const RenewalOrder& order) {
  int64_t id = 0;
  absl::Status status = SubmitAndWait([&](Database& database) {
    absl::StatusOr<int64_t> inserted = InsertRenewalOrder(database, order);
    if (inserted.ok()) id = *inserted;
    return inserted.status();
  });
  if (!status.ok()) return status;
  return id;
}

absl::Status SqliteStore::ForEachCertificate(
    const std::function<void(const CertificateRecord&)>& visit) {
  return Read([&](Database& database) {
    return SelectAllCertificates(database, visit);
  });
}

absl::Status SqliteStore::ForEachPending(
    absl::Time now, const std::function<void(const PendingRequest&)>& visit) {
  return Read([&](Database& database) {
    return SelectAllPending(database, now, visit);
  });
}

absl::Status SqliteStore::ForEachRenewalOrder(
    const std::function<void(const RenewalOrder&)>& visit) {
  return Read([&](Database& database) {
    return SelectAllRenewalOrders(database, visit);
  });
}

int64_t SqliteStore::commit_count() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return commit_count_;
}

}  // namespace bestow::server
