// A whole database into one file.
#ifndef SERVER_STORE_BACKUP_H_
#define SERVER_STORE_BACKUP_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/sql.h"

namespace bestow::server {

// See Store::BackupTo(). `from` is in no transaction.
absl::Status WriteBackup(SqlConnection& from, const std::string& path);

}  // namespace bestow::server

#endif  // SERVER_STORE_BACKUP_H_
