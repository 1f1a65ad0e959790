// A backup as a sequence of files: manifest.json, its parts in its order, and
// manifest.sha256, as sha256sum writes it.
#ifndef SERVER_BACKUP_ARCHIVE_H_
#define SERVER_BACKUP_ARCHIVE_H_

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "server/backup/manifest.h"
#include "server/backup/stream.h"

namespace bestow::server {

// A part on its way into a backup: octets in memory, or a file (which has to
// stay as it was when it was hashed).
struct PartContent {
  Secret bytes;
  std::string file;  // "": `bytes` it is
};

// SHA-256 of a file, and its size. Errors name the path.
struct FileDigest {
  uint64_t size = 0;
  Bytes sha256;
};
absl::StatusOr<FileDigest> DigestFile(const std::string& path);

// `contents`: of manifest.parts, in order. Finishes the sink. kAborted: a file
// is not what its part says.
absl::Status WriteArchive(const Manifest& manifest,
                          const std::vector<PartContent>& contents,
                          ByteSink& sink);

// Called with a part's content, piece by piece, in order; then with `piece`
// empty, when all of it is there and its hash is right.
using OnPiece =
    std::function<absl::Status(const BackupPart& part, ByteView piece)>;
// Reads to the end. kInvalidArgument: not a backup. kDataLoss: one that is
// damaged: a part is missing, too many, in another order, or not what the
// manifest says. What `on_piece` and the source say comes out as it is.
absl::StatusOr<Manifest> ReadArchive(ByteSource& source,
                                     const OnPiece& on_piece);

// The source of a backup's file, opened with `passphrase` when it is sealed.
// kUnauthenticated: it is sealed, and there is no passphrase.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenBackup(
    const std::string& path, const Secret& passphrase);

}  // namespace bestow::server

#endif  // SERVER_BACKUP_ARCHIVE_H_
