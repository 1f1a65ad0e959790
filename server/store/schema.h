// The tables of the database, their version, and the way up from older ones.
#ifndef SERVER_STORE_SCHEMA_H_
#define SERVER_STORE_SCHEMA_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sql.h"

namespace bestow::server {

// Of the tables that this build reads and writes; PRAGMA user_version of
// SQLite, the table schema_version of PostgreSQL.
inline constexpr int kSchemaVersion = 4;

// 0: an empty database. A negative number: tables that are not ours.
absl::StatusOr<int64_t> SchemaVersion(SqlConnection& database);

// SQLite alone. The file remembers it. kFailedPrecondition: it can't be.
absl::Status SetWriteAhead(SqlConnection& database);

// Makes the tables in an empty database, SQLite's in WAL mode.
absl::Status CreateSchema(SqlConnection& database);

// What UpgradeSchema() would refuse; changes nothing. Returns SchemaVersion().
absl::StatusOr<int64_t> CheckSchema(SqlConnection& database,
                                    const std::string& where);

// Brings the tables of an older version up to ours, in one transaction: when
// it breaks off, the old ones are there as they were. Of several servers at
// once one does it. An empty database of PostgreSQL gets its tables.
// kFailedPrecondition, saying what to do and having changed nothing, when the
// tables are of a newer version or not ours at all; `where` is for the message.
absl::Status UpgradeSchema(SqlConnection& database, const std::string& where);

}  // namespace bestow::server

#endif  // SERVER_STORE_SCHEMA_H_
