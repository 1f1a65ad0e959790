// For tests: the content of one file, part of it not on the disk yet.
#ifndef SERVER_STORE_POWER_CUT_HELD_FILE_H_
#define SERVER_STORE_POWER_CUT_HELD_FILE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>

namespace bestow::server {

// Where the content comes from and goes to: a real file. Results are SQLite's.
class RealFile {
 public:
  virtual ~RealFile() = default;
  // Octets beyond the end are zero, and no error.
  virtual int Read(uint8_t* data, int count, int64_t offset) = 0;
  virtual int Write(const uint8_t* data, int count, int64_t offset) = 0;
  virtual int Truncate(int64_t size) = 0;
};

// Shared by all connections of the process to that file; the caller locks.
class HeldFile {
 public:
  // `size`: of the file on the disk. `goes_early`: asked for each sector that
  // is written.
  HeldFile(int64_t size, std::function<bool()> goes_early)
      : size_(size), on_disk_(size), goes_early_(std::move(goes_early)) {}

  int64_t size() const { return size_; }

  // SQLITE_IOERR_SHORT_READ beyond the end, the rest filled with zeros.
  int Read(RealFile& real, uint8_t* data, int count, int64_t offset);
  int Write(RealFile& real, const uint8_t* data, int count, int64_t offset);
  void Truncate(int64_t size);
  // All that is held goes to the real file, which the caller syncs.
  int Flush(RealFile& real);

 private:
  static constexpr int64_t kSector = 512;
  using Sector = std::array<uint8_t, kSector>;

  // What is there now, from memory or from the disk.
  int Load(RealFile& real, int64_t index, Sector& sector);

  int64_t size_;
  // So much of the file on the disk is the file's; what is behind was cut off.
  int64_t on_disk_;
  bool truncated_ = false;  // on_disk_ has shrunk since the last Flush()
  std::map<int64_t, Sector> held_;
  const std::function<bool()> goes_early_;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_POWER_CUT_HELD_FILE_H_
