// A server from its backup.
#ifndef SERVER_BACKUP_RESTORE_H_
#define SERVER_BACKUP_RESTORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/secret.h"
#include "server/backup/manifest.h"

namespace bestow::server {

struct RestoreOptions {
  std::string file;
  std::string state_dir;  // made; may be there, empty
  std::string config;     // a file that takes the place of the backup's config
  Secret passphrase;      // empty: the backup is not sealed
  bool incomplete = false;  // also what no server can run on
  absl::Time now;
  std::string actor;
};

struct RestoreReport {
  Manifest manifest;
  int64_t voided_secrets = 0;
  // The first entry of the audit log that is not as it was written; 0: none.
  int64_t audit_broken_at = 0;
  // Why no server can run on it; with `incomplete` alone.
  absl::Status problem;
  bool into_postgresql = false;  // the config says so
};

// Reads the whole backup and its hashes before anything is written, then
// gathers the folder beside its place, checks the database, the config and that
// each key is its certificate's, and gives it its name at the end. So it is
// whole, or not there. In the database one-time secrets are void, and a note
// says of when the backup is (store/restored.h). A config with PostgreSQL has
// the rows copied there, in one transaction; its database has to be empty.
// kAlreadyExists: the folder is not empty. kFailedPrecondition: no server can
// run on it (the message says why). Else as OpenBackup() and ReadArchive().
absl::StatusOr<RestoreReport> Restore(const RestoreOptions& options);

}  // namespace bestow::server

#endif  // SERVER_BACKUP_RESTORE_H_
