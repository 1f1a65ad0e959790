// Files that are whole or not there: write, fsync, rename, fsync the folder.
#ifndef COMMON_BASE_FILE_H_
#define COMMON_BASE_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow {

// The whole file. kNotFound, kPermissionDenied, kResourceExhausted when it is
// longer than max_bytes, else kInternal with errno's text. Messages name the
// path.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);

// Replaces or makes `path` with exactly `content` and `mode` (no umask), so
// that after a power cut at any moment the old or the new content is there,
// whole. A failed call leaves no temporary behind.
absl::Status WriteFileAtomically(const std::string& path, ByteView content,
                                 mode_t mode);

// As above, but kAlreadyExists when `path` is there.
absl::Status CreateFileDurably(const std::string& path, ByteView content,
                               mode_t mode);

// mkdir -p for one level with `mode`; an existing folder is not an error.
absl::Status MakeDirectory(const std::string& path, mode_t mode);

// Makes renames and links in a folder durable.
absl::Status SyncDirectory(const std::string& path);

}  // namespace bestow

#endif  // COMMON_BASE_FILE_H_
