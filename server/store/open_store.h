// The one place that knows which engines there are.
#ifndef SERVER_STORE_OPEN_STORE_H_
#define SERVER_STORE_OPEN_STORE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/store.h"

namespace bestow::server {

struct StoreOptions {
  enum class Engine { kSqlite, kPostgresql };
  Engine engine = Engine::kSqlite;
  std::string path;  // SQLite: the file
  // PostgreSQL: a libpq connection string, without a password; and the file
  // that the password is in, empty: none is needed.
  std::string connection;
  std::string password_file;
  // What becomes of an older schema. A server of that schema may be running on
  // it still, and would go on without what this one relies on.
  enum class Older {
    kBringUp,
    kRefuse,
    kLeave,  // SQLite, and nothing but BackupTo() may be called then
  };
  Older older = Older::kBringUp;
  // SQLite: with a write-ahead log beside the file, as a server needs it (its
  // readers stop no commit, and a commit stays after a power cut). Without: as
  // the file says, which for a copy is a file that stands alone.
  bool write_ahead = true;
  size_t max_queued = 4096;  // writes; beyond it: kResourceExhausted
  size_t max_batch = 256;    // writes in one transaction
};

// Makes the tables: of SQLite the file too, of PostgreSQL in the database that
// is there, unless they are there already.
absl::Status CreateStore(const StoreOptions& options);

// Opens what is there; an empty database of PostgreSQL gets its tables.
// kFailedPrecondition, with what to do: not there, not ours, of a newer schema,
// of an older one that is refused, or (PostgreSQL) one that would call a
// commit done before it is on the disk. kUnavailable: can't be reached now.
absl::StatusOr<std::unique_ptr<Store>> OpenStore(const StoreOptions& options);

// Whether OpenStore() would; changes nothing. Errors as OpenStore()'s.
absl::Status CheckStore(const StoreOptions& options);

// Fills a store that CreateStore() makes, or that is empty, with what
// Store::BackupTo() wrote, all or nothing. kFailedPrecondition: it is not
// empty (of SQLite: not there), or the backup is of another schema.
absl::Status ImportStore(const std::string& backup, const StoreOptions& into);

}  // namespace bestow::server

#endif  // SERVER_STORE_OPEN_STORE_H_
