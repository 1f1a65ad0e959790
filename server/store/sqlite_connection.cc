#include "server/store/sqlite_connection.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

// The inner nodes of all B-trees of two million certificates, so that a lookup
// reads a leaf and no more.
constexpr int kCacheKiB = 8 * 1024;
// The server, its commands and an operator's sqlite3 share the file; a writer
// waits this long for another process's transaction.
constexpr int kBusyTimeoutMs = 5000;

absl::Status ErrorOf(int extended_result, std::string_view message) {
  const auto say = [&](absl::StatusCode code, std::string_view advice) {
    return absl::Status(code, absl::StrCat("database: ", message, advice));
  };
  if (extended_result == SQLITE_CONSTRAINT_UNIQUE ||
      extended_result == SQLITE_CONSTRAINT_PRIMARYKEY) {
    return say(absl::StatusCode::kAlreadyExists, "");
  }
  switch (extended_result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return say(absl::StatusCode::kUnavailable,
                 ": another program holds it (a sqlite3 shell with an open "
                 "transaction?); end that");
    case SQLITE_FULL:
      return say(absl::StatusCode::kUnavailable,
                 ": nothing was written; make room on the disk, the server "
                 "then goes on by itself");
    case SQLITE_IOERR:
      return say(absl::StatusCode::kUnavailable,
                 ": nothing was written; look at the disk and the kernel's "
                 "log");
    case SQLITE_NOMEM:
      return say(absl::StatusCode::kUnavailable, "");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return say(absl::StatusCode::kFailedPrecondition,
                 ": stop the server, keep the file for inspection and restore "
                 "the last backup (bestow-server restore)");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return say(absl::StatusCode::kFailedPrecondition,
                 ": the server's user must be able to write the file and its "
                 "folder");
    default:
      return say(absl::StatusCode::kInternal, "");
  }
}

}  // namespace

// Goes back to the connection's idle statements when it is over.
class SqliteConnection::Cursor : public SqlCursor {
 public:
  Cursor(SqliteConnection& owner, std::vector<sqlite3_stmt*>& idle,
         sqlite3_stmt* statement)
      : owner_(owner), idle_(idle), statement_(statement) {}
  ~Cursor() override {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
    idle_.push_back(statement_);
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  void BindInt(int64_t value) override {
    Note(sqlite3_bind_int64(statement_, next_++, value));
  }
  void BindText(std::string_view text) override {
    // A null pointer would bind NULL instead of an empty value.
    const char* data = text.data() == nullptr ? "" : text.data();
    Note(sqlite3_bind_text64(statement_, next_++, data, text.size(),
                             SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  void BindBlob(ByteView blob) override {
    const void* data =
        blob.empty() ? static_cast<const void*>("") : blob.data();
    Note(sqlite3_bind_blob64(statement_, next_++, data, blob.size(),
                             SQLITE_TRANSIENT));
  }
  void BindNull() override { Note(sqlite3_bind_null(statement_, next_++)); }

  absl::StatusOr<bool> Step() override {
    if (bind_result_ != SQLITE_OK) return owner_.Error();
    switch (sqlite3_step(statement_)) {
      case SQLITE_ROW:
        return true;
      case SQLITE_DONE:
        return false;
      default:
        return owner_.Error();
    }
  }

  bool IsNull(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  int64_t Int(int column) const override {
    return sqlite3_column_int64(statement_, column);
  }
  std::string Text(int column) const override {
    const unsigned char* text = sqlite3_column_text(statement_, column);
    if (text == nullptr) return "";
    return std::string(
        reinterpret_cast<const char*>(text),
        static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
  }
  Bytes Blob(int column) const override {
    const auto* data =
        static_cast<const uint8_t*>(sqlite3_column_blob(statement_, column));
    if (data == nullptr) return {};
    return Bytes(data, data + sqlite3_column_bytes(statement_, column));
  }

 private:
  void Note(int result) {
    if (bind_result_ == SQLITE_OK) bind_result_ = result;
  }

  SqliteConnection& owner_;
  std::vector<sqlite3_stmt*>& idle_;
  sqlite3_stmt* const statement_;
  int next_ = 1;
  int bind_result_ = SQLITE_OK;
};

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(
    const std::string& path, Mode mode) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (mode) {
    case Mode::kCreate:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case Mode::kReadWrite:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Mode::kReadOnly:
      flags |= SQLITE_OPEN_READONLY;
      break;
  }
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(raw));
  if (result != SQLITE_OK) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't open the database ", path, ": ",
                     raw != nullptr ? sqlite3_errmsg(raw) : "out of memory"));
  }
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  // FULL: a commit is on the disk when it returns, in WAL mode too.
  absl::Status status = connection->Execute(
      absl::StrCat("PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL;"
                   "PRAGMA trusted_schema=OFF; PRAGMA cache_size=-",
                   kCacheKiB, ";"));
  if (!status.ok()) return status;
  return connection;
}

SqliteConnection::~SqliteConnection() {
  for (auto& [sql, statements] : idle_) {
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
  }
  sqlite3_close_v2(db_);
}

absl::Status SqliteConnection::Error() const {
  return ErrorOf(sqlite3_extended_errcode(db_), sqlite3_errmsg(db_));
}

absl::Status SqliteConnection::Execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return Error();
  }
  return absl::OkStatus();
}

absl::StatusOr<SqlStatement> SqliteConnection::Prepare(std::string_view sql) {
  auto found = idle_.find(sql);
  if (found == idle_.end()) found = idle_.try_emplace(std::string(sql)).first;
  std::vector<sqlite3_stmt*>& idle = found->second;
  sqlite3_stmt* statement = nullptr;
  if (!idle.empty()) {
    statement = idle.back();
    idle.pop_back();
  } else if (sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                SQLITE_PREPARE_PERSISTENT, &statement,
                                nullptr) != SQLITE_OK) {
    return Error();
  }
  return SqlStatement(std::make_unique<Cursor>(*this, idle, statement));
}

absl::Status SqliteConnection::BeginWriting() {
  return Execute("BEGIN IMMEDIATE");
}

absl::Status SqliteConnection::BeginReading() { return Execute("BEGIN"); }

bool SqliteConnection::in_transaction() const {
  return sqlite3_get_autocommit(db_) == 0;
}

absl::Status SqliteConnection::BackupTo(const std::string& path) {
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                      nullptr);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> copy(raw,
                                                         &sqlite3_close_v2);
  if (opened != SQLITE_OK) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't write ", path, ": ",
                     raw != nullptr ? sqlite3_errmsg(raw) : "out of memory"));
  }
  sqlite3_backup* backup = sqlite3_backup_init(raw, "main", db_, "main");
  if (backup == nullptr) {
    return ErrorOf(sqlite3_extended_errcode(raw), sqlite3_errmsg(raw));
  }
  // In one step: in WAL mode that stops no writer, and sees one state.
  const int result = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (result != SQLITE_DONE) {
    return ErrorOf(sqlite3_extended_errcode(raw), sqlite3_errmsg(raw));
  }
  // One file, without a log beside it.
  if (sqlite3_exec(raw, "PRAGMA journal_mode=DELETE", nullptr, nullptr,
                   nullptr) != SQLITE_OK) {
    return ErrorOf(sqlite3_extended_errcode(raw), sqlite3_errmsg(raw));
  }
  return absl::OkStatus();
}

}  // namespace bestow::server
