// Octets that pass through on their way to and from a backup's file.
#ifndef SERVER_BACKUP_STREAM_H_
#define SERVER_BACKUP_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow::server {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual absl::Status Write(ByteView bytes) = 0;
  // Nothing follows. A sink that goes without it leaves nothing behind.
  virtual absl::Status Finish() = 0;
};

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills the buffer; fewer octets only at the end.
  virtual absl::StatusOr<size_t> Read(uint8_t* buffer, size_t size) = 0;
};

// Writes to PATH.partial, mode 0600; Finish() syncs it and gives it its name.
// kAlreadyExists when PATH is there: a backup never takes another's place.
absl::StatusOr<std::unique_ptr<ByteSink>> CreateFileSink(
    const std::string& path);
// kNotFound, kPermissionDenied, else kInternal, naming the path.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenFileSource(
    const std::string& path);

}  // namespace bestow::server

#endif  // SERVER_BACKUP_STREAM_H_
