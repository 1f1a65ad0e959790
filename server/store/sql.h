// SQL as the store speaks it, to whichever engine. The statements of the other
// files are written once, in what SQLite and PostgreSQL have in common:
// parameters are question marks, times are seconds in integers.
#ifndef SERVER_STORE_SQL_H_
#define SERVER_STORE_SQL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"

namespace bestow::server {

// What an engine does for one run of a statement.
class SqlCursor {
 public:
  virtual ~SqlCursor() = default;
  virtual void BindInt(int64_t value) = 0;
  virtual void BindText(std::string_view text) = 0;
  virtual void BindBlob(ByteView blob) = 0;
  virtual void BindNull() = 0;
  virtual absl::StatusOr<bool> Step() = 0;
  virtual bool IsNull(int column) const = 0;
  virtual int64_t Int(int column) const = 0;
  virtual std::string Text(int column) const = 0;
  virtual Bytes Blob(int column) const = 0;
};

// One run of a prepared statement. Errors of Bind stick and come out of Step.
// Not thread-safe; must not outlive its connection.
class SqlStatement {
 public:
  explicit SqlStatement(std::unique_ptr<SqlCursor> cursor)
      : cursor_(std::move(cursor)) {}

  // Parameters in the order of the question marks.
  SqlStatement& Bind(int64_t value);
  SqlStatement& Bind(absl::Time time);  // whole seconds
  SqlStatement& Bind(std::string_view text);
  SqlStatement& Bind(ByteView blob);
  SqlStatement& BindOrNull(std::optional<int64_t> value);
  SqlStatement& BindOrNull(std::optional<absl::Time> time);
  SqlStatement& BindOrNull(const std::optional<std::string>& text);

  // True: a row is there. False: done.
  absl::StatusOr<bool> Step() { return cursor_->Step(); }
  // For statements whose rows don't matter.
  absl::Status Run();
  // Steps to the first row; kNotFound with `what` when there is none.
  absl::Status ExpectRow(std::string_view what);
  // Calls `visit` for each row that is left, until it fails.
  absl::Status ForEachRow(const std::function<absl::Status()>& visit);

  // Columns from 0, of the row that Step() found.
  bool IsNull(int column) const { return cursor_->IsNull(column); }
  int64_t Int(int column) const { return cursor_->Int(column); }
  absl::Time Time(int column) const;
  std::optional<absl::Time> OptionalTime(int column) const;
  std::string Text(int column) const { return cursor_->Text(column); }
  Bytes Blob(int column) const { return cursor_->Blob(column); }

 private:
  std::unique_ptr<SqlCursor> cursor_;
};

enum class SqlDialect { kSqlite, kPostgresql };

// One connection. Not thread-safe: one thread at a time.
// Statuses, with what to do in the message: kUnavailable when the database is
// locked, full, out of reach or its disk fails (trying again may help),
// kAlreadyExists for a UNIQUE constraint, kFailedPrecondition when it is no
// database of ours, corrupt or refuses us, kInvalidArgument for text that the
// engine can't hold, else kInternal.
class SqlConnection {
 public:
  virtual ~SqlConnection() = default;

  virtual SqlDialect dialect() const = 0;
  // Statements separated by ";", without results.
  virtual absl::Status Execute(const std::string& sql) = 0;
  // Prepared ones are kept, so that the same text costs nothing again.
  virtual absl::StatusOr<SqlStatement> Prepare(std::string_view sql) = 0;

  // A transaction in which nobody else writes, on any server, until it is
  // over; it sees all that was committed before.
  virtual absl::Status BeginWriting() = 0;
  // A transaction that sees one state, whatever is written meanwhile.
  virtual absl::Status BeginReading() = 0;
  // False when the engine has rolled a transaction back by itself.
  virtual bool in_transaction() const = 0;
  // False: it is lost, and nothing but closing helps.
  virtual bool is_alive() const = 0;
};

// Where connections come from. Thread-safe.
class SqlEngine {
 public:
  virtual ~SqlEngine() = default;
  // kUpgrade: to write, and statements may take long.
  enum class Access { kRead, kWrite, kUpgrade };
  virtual absl::StatusOr<std::unique_ptr<SqlConnection>> Connect(
      Access access) = 0;
  // Servers on several machines may use this database at once.
  virtual bool is_shared() const = 0;
};

// `steps` in a transaction of its own; rolled back when one fails.
absl::Status InWriteTransaction(SqlConnection& connection,
                                const std::function<absl::Status()>& steps);

// The id that "INSERT ... RETURNING id" gave.
absl::StatusOr<int64_t> ReturnedId(SqlStatement& insert);

}  // namespace bestow::server

#endif  // SERVER_STORE_SQL_H_
