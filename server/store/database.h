// SQLite behind two small classes; only server/store includes <sqlite3.h>.
#ifndef SERVER_STORE_DATABASE_H_
#define SERVER_STORE_DATABASE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bestow::server {

// One prepared statement. Errors of Bind stick and come out of Step.
// Not thread-safe; must not outlive its Database.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Parameters from 1, in order of the question marks.
  Statement& Bind(int64_t value);
  Statement& Bind(std::string_view text);
  Statement& Bind(ByteView blob);
  Statement& BindNull();

  // True: a row is there. False: done.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run();

  // Columns from 0, of the row that Step() found.
  bool IsNull(int column) const;
  int64_t Int(int column) const;
  std::string Text(int column) const;
  Bytes Blob(int column) const;

 private:
  friend class Database;
  Statement(sqlite3* db, sqlite3_stmt* statement)
      : db_(db), statement_(statement) {}
  void Note(int result);

  sqlite3* db_;
  sqlite3_stmt* statement_;
  int next_ = 1;
  int bind_result_ = 0;
};

// One connection. Not thread-safe: one thread at a time.
// Statuses: kUnavailable when the database is busy, full or its disk fails
// (trying again may help), kAlreadyExists for a UNIQUE constraint,
// kFailedPrecondition when the file is no database or can't be opened,
// else kInternal.
class Database {
 public:
  enum class Mode { kCreate, kReadWrite, kReadOnly };
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Statements separated by ";", without results.
  absl::Status Execute(const char* sql);
  absl::StatusOr<Statement> Prepare(std::string_view sql);
  int64_t last_insert_id() const;
  // False when SQLite has rolled a transaction back by itself.
  bool in_transaction() const;

 private:
  explicit Database(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_DATABASE_H_
