// The tables of bestow.db, their version, and the way up from older ones.
#ifndef SERVER_STORE_SCHEMA_H_
#define SERVER_STORE_SCHEMA_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/database.h"

namespace bestow::server {

// PRAGMA user_version of the tables that this build reads and writes.
inline constexpr int kSchemaVersion = 2;

// Makes the tables in an empty database, in WAL mode.
absl::Status CreateSchema(Database& database);

// Brings the tables of an older version up to ours, in one transaction: when
// it breaks off, the old ones are there as they were. kFailedPrecondition,
// saying what to do and having changed nothing, when the tables are of a newer
// version or not ours at all; `path` is for the message.
absl::Status UpgradeSchema(Database& database, const std::string& path);

}  // namespace bestow::server

#endif  // SERVER_STORE_SCHEMA_H_
