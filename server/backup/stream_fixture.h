// Streams of tests, in memory.
#ifndef SERVER_BACKUP_STREAM_FIXTURE_H_
#define SERVER_BACKUP_STREAM_FIXTURE_H_

#include <algorithm>
#include <utility>

#include "server/backup/stream.h"

namespace bestow::server {

// What was written is in `*out`, from Finish() on.
class MemorySink : public ByteSink {
 public:
  explicit MemorySink(Bytes* out) : out_(out) {}
  absl::Status Write(ByteView bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  absl::Status Finish() override {
    *out_ = std::move(bytes_);
    return absl::OkStatus();
  }

 private:
  Bytes* const out_;
  Bytes bytes_;
};

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(Bytes bytes) : bytes_(std::move(bytes)) {}
  absl::StatusOr<size_t> Read(uint8_t* buffer, size_t size) override {
    const size_t count = std::min(size, bytes_.size() - at_);
    std::copy_n(bytes_.begin() + static_cast<long>(at_), count, buffer);
    at_ += count;
    return count;
  }

 private:
  const Bytes bytes_;
  size_t at_ = 0;
};

}  // namespace bestow::server

#endif  // SERVER_BACKUP_STREAM_FIXTURE_H_
