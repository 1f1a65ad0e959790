#include "server/backup/sealed_stream.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "server/backup/stream_fixture.h"
#include "testdata/matchers.h"

namespace bestow::server {
namespace {

constexpr size_t kSealed = kSealedChunk + 16;

Bytes Content(size_t size) {
  Bytes content(size);
  for (size_t i = 0; i < size; ++i) content[i] = static_cast<uint8_t>(i * 7);
  return content;
}

absl::StatusOr<Bytes> Open(const Bytes& sealed, const Secret& passphrase) {
  auto source = OpenSealed(std::make_unique<MemorySource>(sealed), passphrase);
  if (!source.ok()) return source.status();
  Bytes content;
  Bytes buffer(1000);
  for (;;) {
    auto count = (*source)->Read(buffer.data(), buffer.size());
    if (!count.ok()) return count.status();
    content.insert(content.end(), buffer.begin(),
                   buffer.begin() + static_cast<long>(*count));
    if (*count < buffer.size()) return content;
  }
}

class SealedStreamTest : public testing::Test {
 protected:
  Bytes Seal(size_t size) {
    Bytes sealed;
    auto sink = SealInto(std::make_unique<MemorySink>(&sealed), passphrase_,
                         kMinSealedLog2N);
    EXPECT_TRUE(sink.ok()) << sink.status();
    const Bytes content = Content(size);
    // In pieces that don't fit the chunks.
    for (size_t at = 0; at < size; at += 5000) {
      EXPECT_TRUE((*sink)
                      ->Write(ByteView(content).subspan(
                          at, std::min<size_t>(5000, size - at)))
                      .ok());
    }
    EXPECT_TRUE((*sink)->Finish().ok());
    return sealed;
  }

  const Secret passphrase_{"correct horse"};
};

TEST(SealedHeaderTest, EveryCaseComesBackOrIsRefused) {
  testdata::ExpectRoundTrips("sealed_backup",
                             [](ByteView bytes) -> absl::StatusOr<Bytes> {
                               auto header = ParseSealedHeader(bytes);
                               if (!header.ok()) return header.status();
                               return SerializeSealedHeader(*header);
                             });
}

TEST_F(SealedStreamTest, WhatWasSealedComesBackAroundTheChunks) {
  for (size_t size : {size_t{0}, size_t{1}, kSealedChunk - 1, kSealedChunk,
                      kSealedChunk + 1, 3 * kSealedChunk}) {
    const Bytes sealed = Seal(size);
    EXPECT_TRUE(IsSealed(sealed));
    auto opened = Open(sealed, passphrase_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE(*opened == Content(size)) << size;
  }
}

TEST_F(SealedStreamTest, AnotherPassphraseIsSaidToBeWrong) {
  const Bytes sealed = Seal(10);
  EXPECT_TRUE(
      absl::IsPermissionDenied(Open(sealed, Secret("correct horsf")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      SealInto(std::make_unique<MemorySink>(nullptr), Secret()).status()));
}

TEST_F(SealedStreamTest, NothingCanBeChangedMovedOrCutOff) {
  const Bytes sealed = Seal(3 * kSealedChunk + 100);
  ASSERT_TRUE(Open(sealed, passphrase_).ok());
  const long first = kSealedHeaderBytes;
  std::vector<Bytes> damaged;
  Bytes salt = sealed;
  salt[kSealedHeaderBytes - 1] ^= 1;
  damaged.push_back(std::move(salt));
  Bytes flipped = sealed;
  flipped[kSealedHeaderBytes + kSealed + 5] ^= 1;
  damaged.push_back(std::move(flipped));
  Bytes swapped = sealed;
  std::swap_ranges(swapped.begin() + first,
                   swapped.begin() + first + static_cast<long>(kSealed),
                   swapped.begin() + first + static_cast<long>(kSealed));
  damaged.push_back(std::move(swapped));
  Bytes without_last = sealed;
  without_last.resize(kSealedHeaderBytes + 3 * kSealed);
  damaged.push_back(std::move(without_last));
  Bytes without_second = sealed;
  without_second.erase(
      without_second.begin() + first + static_cast<long>(kSealed),
      without_second.begin() + first + 2 * static_cast<long>(kSealed));
  damaged.push_back(std::move(without_second));
  Bytes cut = sealed;
  cut.pop_back();
  damaged.push_back(std::move(cut));
  Bytes more = sealed;
  more.push_back(0);
  damaged.push_back(std::move(more));
  Bytes header_alone = sealed;
  header_alone.resize(kSealedHeaderBytes);
  damaged.push_back(std::move(header_alone));
  for (size_t i = 0; i < damaged.size(); ++i) {
    const absl::Status status = Open(damaged[i], passphrase_).status();
    EXPECT_TRUE(absl::IsDataLoss(status) || absl::IsPermissionDenied(status))
        << i << ": " << status;
  }
}

}  // namespace
}  // namespace bestow::server
