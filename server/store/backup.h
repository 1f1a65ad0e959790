// A whole database into one file, and back.
#ifndef SERVER_STORE_BACKUP_H_
#define SERVER_STORE_BACKUP_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/sql.h"

namespace bestow::server {

// See Store::BackupTo(). `from` is in no transaction.
absl::Status WriteBackup(SqlConnection& from, const std::string& path);

// Every row of every table, in one transaction on each side. Both have our
// schema; kFailedPrecondition: versions differ, or `to` is not empty.
absl::Status CopyTables(SqlConnection& from, SqlConnection& to);

}  // namespace bestow::server

#endif  // SERVER_STORE_BACKUP_H_
