// The first file of a backup: what the others have to be.
#ifndef SERVER_BACKUP_MANIFEST_H_
#define SERVER_BACKUP_MANIFEST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"

namespace bestow::server {

inline constexpr std::string_view kManifestName = "manifest.json";
inline constexpr std::string_view kManifestHashName = "manifest.sha256";
inline constexpr size_t kMaxManifestBytes = size_t{1} << 20;
// The database: SQLite's, whatever engine it was taken from.
inline constexpr std::string_view kDatabasePart = "bestow.db";
// The state folder's files, below it by their names there.
inline constexpr std::string_view kStatePrefix = "state/";
inline constexpr size_t kMaxParts = 4000;

struct BackupPart {
  std::string name;  // as CheckPartName() takes it; once
  uint32_t mode = 0;
  uint64_t size = 0;
  Bytes sha256;
};

struct Manifest {
  absl::Time made_at;             // whole seconds
  std::string state_dir;          // for people
  int64_t audit_sequence = 0;     // of the last entry in the database; 0: none
  Bytes audit_hash;               // its hash, 32 octets; of none: 32 zeros
  std::vector<BackupPart> parts;  // in the order of the archive, at most
                                  // kMaxParts
};

// JSON. kInvalidArgument: a name, mode or size that a tar header can't hold.
absl::StatusOr<std::string> SerializeManifest(const Manifest& manifest);
// kInvalidArgument: not what SerializeManifest() writes. kUnimplemented: of a
// newer version.
absl::StatusOr<Manifest> ParseManifest(std::string_view text);

}  // namespace bestow::server

#endif  // SERVER_BACKUP_MANIFEST_H_
