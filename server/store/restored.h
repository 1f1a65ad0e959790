// A database that comes back from a backup.
#ifndef SERVER_STORE_RESTORED_H_
#define SERVER_STORE_RESTORED_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/audit_entry.h"

namespace bestow::server {

// SQLite's own check of a file that no store has open: its pages, indexes and
// references. kDataLoss with the first thing that is wrong;
// kFailedPrecondition: no database at all.
absl::Status CheckSqliteFile(const std::string& path);

struct RestoredCounts {
  int64_t voided_secrets = 0;
};
// Takes out of the SQLite database at `path`, in one transaction, what may have
// become untrue since the backup was made: one-time secrets that were not used
// by then may have been used since, and are void; Digest nonces are forgotten.
// Notes the backup's time (setting_names.h), and writes `audit`. The schema has
// to be ours.
absl::StatusOr<RestoredCounts> MarkRestored(const std::string& path,
                                            absl::Time made_at,
                                            const AuditEntry& audit);

}  // namespace bestow::server

#endif  // SERVER_STORE_RESTORED_H_
