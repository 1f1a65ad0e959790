// The tables of bestow.db and their version.
#ifndef SERVER_STORE_SCHEMA_H_
#define SERVER_STORE_SCHEMA_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/database.h"

namespace bestow::server {

// PRAGMA user_version of the tables that this build reads and writes.
inline constexpr int kSchemaVersion = 1;

// Makes the tables in an empty database, in WAL mode.
absl::Status CreateSchema(Database& database);

// kFailedPrecondition, saying what to do, when the tables are of another
// version than ours; `path` is for the message.
absl::Status CheckSchema(Database& database, const std::string& path);

}  // namespace bestow::server

#endif  // SERVER_STORE_SCHEMA_H_
