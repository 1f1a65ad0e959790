// A backup under a passphrase: scrypt and AES-256-GCM over chunks, so that no
// octet comes out that was not checked, and none can be cut off at the end.
#ifndef SERVER_BACKUP_SEALED_STREAM_H_
#define SERVER_BACKUP_SEALED_STREAM_H_

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "server/backup/stream.h"

namespace bestow::server {

// The file: header, then chunks. Chunk i is AES-256-GCM of up to kSealedChunk
// octets, with its tag of 16 octets behind it. Its nonce is i in 11 octets,
// big-endian, and one octet that is 1 in the last chunk and 0 before; its
// additional data is the header. All chunks but the last are full. The key is
// scrypt(passphrase, salt, 2^log2_n, r, p), 32 octets.
inline constexpr size_t kSealedChunk = size_t{1} << 16;

// "bestow-sealed-backup-1\n", log2_n, r, p in an octet each, salt.
struct SealedHeader {
  int log2_n = 0;
  int r = 0;
  int p = 0;
  std::array<uint8_t, 32> salt = {};
};
inline constexpr size_t kSealedMagicBytes = 23;
inline constexpr size_t kSealedHeaderBytes = kSealedMagicBytes + 3 + 32;

// `first`: of a file, kSealedMagicBytes octets or more.
bool IsSealed(ByteView first);
// kInvalidArgument: another format, trailing octets, or a cost that no backup
// of ours has (it is whoever wrote the file that would make us pay it).
absl::StatusOr<SealedHeader> ParseSealedHeader(ByteView header);
Bytes SerializeSealedHeader(const SealedHeader& header);

// 128 MiB and about half a second: a stolen backup is tried offline.
inline constexpr int kSealedLog2N = 17;
inline constexpr int kMinSealedLog2N = 10;
// kInvalidArgument: the passphrase is empty. Takes the time of a scrypt, of
// 2^log2_n (for tests: less).
absl::StatusOr<std::unique_ptr<ByteSink>> SealInto(
    std::unique_ptr<ByteSink> sink, const Secret& passphrase,
    int log2_n = kSealedLog2N);
// `source` begins with its header. Read() gives what was checked alone:
// kDataLoss for a chunk that was changed, moved or cut off.
// kPermissionDenied, by the first Read(): the passphrase is wrong, or the
// beginning damaged, which can't be told apart.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenSealed(
    std::unique_ptr<ByteSource> source, const Secret& passphrase);

}  // namespace bestow::server

#endif  // SERVER_BACKUP_SEALED_STREAM_H_
