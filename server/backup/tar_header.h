// The container of a backup: a tar archive of regular files (POSIX.1-1988,
// "ustar"), which every tar reads; files of 8 GiB and more as GNU's tar has
// them, which bsdtar and Python read as well.
#ifndef SERVER_BACKUP_TAR_HEADER_H_
#define SERVER_BACKUP_TAR_HEADER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow::server {

// Headers and contents are padded to whole blocks with zeros; two blocks of
// zeros end the archive.
inline constexpr size_t kTarBlock = 512;
inline constexpr uint64_t kMaxTarFile = uint64_t{1} << 42;  // 4 TiB

struct TarHeader {
  std::string name;   // relative, see CheckPartName()
  uint32_t mode = 0;  // of its nine permission bits
  uint64_t size = 0;  // octets that follow
};

// kInvalidArgument: not a name that a part of a backup may have: components
// between slashes, none of them empty, "." or "..", of printable ASCII without
// the backslash, 100 octets in all.
absl::Status CheckPartName(std::string_view name);

// kInvalidArgument: the name, a mode or a size over the limits.
absl::StatusOr<Bytes> SerializeTarHeader(const TarHeader& header);
// Takes what SerializeTarHeader() writes, and nothing else: no links, devices,
// owners, times, extensions. `block`: kTarBlock octets. kInvalidArgument.
absl::StatusOr<TarHeader> ParseTarHeader(ByteView block);

// Zeros that fill `size` octets up to whole blocks.
size_t TarPadding(uint64_t size);

}  // namespace bestow::server

#endif  // SERVER_BACKUP_TAR_HEADER_H_
