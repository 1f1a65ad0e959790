#include "server/store/backup.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite_connection.h"

namespace bestow::server {

absl::Status WriteBackup(SqlConnection& from, const std::string& path) {
  struct stat there;
  if (lstat(path.c_str(), &there) == 0) {
    return absl::AlreadyExistsError(absl::StrCat(path, " is there already"));
  }
  auto* sqlite = dynamic_cast<SqliteConnection*>(&from);
  if (sqlite == nullptr) {
    return absl::UnimplementedError("no backup of this engine yet");
  }
  return sqlite->BackupTo(path);
}

}  // namespace bestow::server
