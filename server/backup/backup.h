// Everything that a server is, in one file.
#ifndef SERVER_BACKUP_BACKUP_H_
#define SERVER_BACKUP_BACKUP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/secret.h"
#include "server/backup/sealed_stream.h"
#include "server/store/store.h"

namespace bestow::server {

struct BackupOptions {
  std::string state_dir;
  std::string file;
  Secret passphrase;  // seals it; empty: it lies open
  int scrypt_log2_n = kSealedLog2N;
  absl::Time now;
  std::string actor;  // for the audit log
};

struct BackupReport {
  size_t files = 0;
  uint64_t octets = 0;  // in them
  // In the backup as they are in the state folder: not under a passphrase.
  std::vector<std::string> plain_keys;
  // Of the state folder, not in it: neither files nor folders.
  std::vector<std::string> left_out;
  int64_t audit_sequence = 0;
  // The first entry of the audit log that is not as it was written; 0: none.
  int64_t audit_broken_at = 0;
};

// The database as it is at one moment, then the state folder's files, while the
// server runs. Files that are changed together (file_swap.h) are all old or all
// new. Writes an entry to the audit log. kInvalidArgument: the file is to lie
// in the state folder. kAlreadyExists: it is there. A backup that fails leaves
// nothing behind.
// NOT in it: what the config names outside of the state folder.
absl::StatusOr<BackupReport> MakeBackup(Store& store,
                                        const BackupOptions& options);

}  // namespace bestow::server

#endif  // SERVER_BACKUP_BACKUP_H_
