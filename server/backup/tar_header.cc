#include "server/backup/tar_header.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace bestow::server {
namespace {

// POSIX.1-1988 10.1.1: offsets and lengths of the fields.
constexpr size_t kNameLength = 100;
constexpr size_t kModeAt = 100;
constexpr size_t kUidAt = 108;
constexpr size_t kGidAt = 116;
constexpr size_t kSizeAt = 124;
constexpr size_t kSizeLength = 12;
constexpr uint64_t kMaxOctalSize = (uint64_t{1} << 33) - 1;
constexpr size_t kTimeAt = 136;
constexpr size_t kChecksumAt = 148;
constexpr size_t kChecksumLength = 8;
constexpr size_t kTypeAt = 156;
constexpr size_t kMagicAt = 257;
constexpr std::string_view kMagic("ustar\00000", 8);  // and its version
constexpr size_t kDeviceMajorAt = 329;
constexpr size_t kDeviceMinorAt = 337;
constexpr uint32_t kMaxMode = 0777;

void Put(Bytes& block, size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), block.begin() + static_cast<long>(at));
}

std::optional<uint64_t> Octal(ByteView block, size_t at, size_t digits) {
  uint64_t value = 0;
  for (size_t i = at; i < at + digits; ++i) {
    if (block[i] < '0' || block[i] > '7') return std::nullopt;
    value = value * 8 + (block[i] - '0');
  }
  return value;
}

// Eleven octal digits; a longer number in base 256 behind an octet of 0x80
// (GNU tar).
void PutSize(Bytes& block, uint64_t size) {
  if (size <= kMaxOctalSize) {
    Put(block, kSizeAt, absl::StrFormat("%011o", size));
    return;
  }
  block[kSizeAt] = 0x80;
  for (size_t i = kSizeAt + kSizeLength; size != 0; size >>= 8) {
    block[--i] = static_cast<uint8_t>(size);
  }
}

std::optional<uint64_t> GetSize(ByteView block) {
  if (block[kSizeAt] != 0x80) return Octal(block, kSizeAt, 11);
  uint64_t size = 0;
  for (size_t i = kSizeAt + 1; i < kSizeAt + kSizeLength; ++i) {
    if (size > kMaxTarFile) return std::nullopt;
    size = size << 8 | block[i];
  }
  return size;
}

// The sum of all octets, its own field taken for spaces.
uint32_t ChecksumOf(ByteView block) {
  uint32_t sum = kChecksumLength * ' ';
  for (size_t i = 0; i < block.size(); ++i) {
    if (i < kChecksumAt || i >= kChecksumAt + kChecksumLength) sum += block[i];
  }
  return sum;
}

}  // namespace

absl::Status CheckPartName(std::string_view name) {
  bool good = !name.empty() && name.size() <= kNameLength;
  for (char c : name) good = good && c > ' ' && c <= '~' && c != '\\';
  for (std::string_view component : absl::StrSplit(name, '/')) {
    good = good && !component.empty() && component != "." && component != "..";
  }
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "a name that no file of a backup has: it has to be relative, of up to "
      "100 printable ASCII characters, without spaces and \"..\"");
}

absl::StatusOr<Bytes> SerializeTarHeader(const TarHeader& header) {
  absl::Status status = CheckPartName(header.name);
  if (!status.ok()) return status;
  if (header.mode > kMaxMode) {
    return absl::InvalidArgumentError("a mode of more than permission bits");
  }
  if (header.size > kMaxTarFile) {
    return absl::InvalidArgumentError(
        absl::StrCat(header.name, " is longer than 4 TiB"));
  }
  Bytes block(kTarBlock, 0);
  Put(block, 0, header.name);
  Put(block, kModeAt, absl::StrFormat("%07o", header.mode));
  Put(block, kUidAt, "0000000");
  Put(block, kGidAt, "0000000");
  PutSize(block, header.size);
  Put(block, kTimeAt, "00000000000");
  block[kTypeAt] = '0';
  Put(block, kMagicAt, kMagic);
  Put(block, kDeviceMajorAt, "0000000");
  Put(block, kDeviceMinorAt, "0000000");
  Put(block, kChecksumAt,
      absl::StrCat(absl::StrFormat("%06o", ChecksumOf(block)),
                   std::string_view("\0 ", 2)));
  return block;
}

absl::StatusOr<TarHeader> ParseTarHeader(ByteView block) {
  if (block.size() != kTarBlock) {
    return absl::InvalidArgumentError("the archive ends within a header");
  }
  TarHeader header;
  const std::string_view name(AsText(block).substr(0, kNameLength));
  header.name = std::string(name.substr(0, name.find('\0')));
  const std::optional<uint64_t> mode = Octal(block, kModeAt, 7);
  const std::optional<uint64_t> size = GetSize(block);
  if (!mode.has_value() || *mode > kMaxMode || !size.has_value()) {
    return absl::InvalidArgumentError("a mode or a size that is none");
  }
  header.mode = static_cast<uint32_t>(*mode);
  header.size = *size;
  // One way to write each: the whole block is checked at once.
  absl::StatusOr<Bytes> canonical = SerializeTarHeader(header);
  if (!canonical.ok()) return canonical.status();
  if (!std::equal(canonical->begin(), canonical->end(), block.begin())) {
    return absl::InvalidArgumentError(
        "a header of the archive is damaged, or not one of a backup");
  }
  return header;
}

size_t TarPadding(uint64_t size) {
  return static_cast<size_t>((kTarBlock - size % kTarBlock) % kTarBlock);
}

}  // namespace bestow::server
