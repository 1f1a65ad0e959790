#include "server/store/power_cut/held_file.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>

namespace bestow::server {

int HeldFile::Load(RealFile& real, int64_t index, Sector& sector) {
  const auto held = held_.find(index);
  if (held != held_.end()) {
    sector = held->second;
    return SQLITE_OK;
  }
  sector.fill(0);
  const int64_t start = index * kSector;
  const int64_t count = std::min(kSector, on_disk_ - start);
  if (count <= 0) return SQLITE_OK;
  return real.Read(sector.data(), static_cast<int>(count), start);
}

int HeldFile::Read(RealFile& real, uint8_t* data, int count, int64_t offset) {
  std::memset(data, 0, static_cast<size_t>(count));
  const int64_t end = std::min(size_, offset + count);
  for (int64_t at = offset; at < end;) {
    const int64_t index = at / kSector;
    Sector sector;
    const int result = Load(real, index, sector);
    if (result != SQLITE_OK) return result;
    const int64_t part = std::min((index + 1) * kSector, end) - at;
    std::memcpy(data + (at - offset), sector.data() + at % kSector,
                static_cast<size_t>(part));
    at += part;
  }
  return end < offset + count ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

int HeldFile::Write(RealFile& real, const uint8_t* data, int count,
                    int64_t offset) {
  const int64_t end = offset + count;
  for (int64_t at = offset; at < end;) {
    const int64_t index = at / kSector;
    Sector sector;
    int result = Load(real, index, sector);
    if (result != SQLITE_OK) return result;
    const int64_t part = std::min((index + 1) * kSector, end) - at;
    std::memcpy(sector.data() + at % kSector, data + (at - offset),
                static_cast<size_t>(part));
    held_[index] = sector;
    // Not over a cut that the disk does not know of: that would bring back
    // what was behind it.
    if (!truncated_ && goes_early_()) {
      result = real.Write(data + (at - offset), static_cast<int>(part), at);
      if (result != SQLITE_OK) return result;
    }
    at += part;
  }
  size_ = std::max(size_, end);
  return SQLITE_OK;
}

void HeldFile::Truncate(int64_t size) {
  if (size < on_disk_) {
    on_disk_ = size;
    truncated_ = true;
  }
  size_ = size;
  held_.erase(held_.lower_bound((size + kSector - 1) / kSector), held_.end());
  const auto last = held_.find(size / kSector);
  if (last != held_.end()) {
    std::fill(last->second.begin() + size % kSector, last->second.end(), 0);
  }
}

int HeldFile::Flush(RealFile& real) {
  int result = truncated_ ? real.Truncate(on_disk_) : SQLITE_OK;
  for (const auto& [index, sector] : held_) {
    if (result != SQLITE_OK) return result;
    const int64_t start = index * kSector;
    const int64_t count = std::min(kSector, size_ - start);
    if (count <= 0) continue;
    result = real.Write(sector.data(), static_cast<int>(count), start);
  }
  if (result != SQLITE_OK) return result;
  held_.clear();
  truncated_ = false;
  on_disk_ = size_;
  return SQLITE_OK;
}

}  // namespace bestow::server
