#include "server/backup/tar_header.h"

#include "gtest/gtest.h"
#include "testdata/matchers.h"

namespace bestow::server {
namespace {

TEST(TarHeaderTest, EveryCaseComesBackOrIsRefused) {
  testdata::ExpectRoundTrips("tar_header",
                             [](ByteView block) -> absl::StatusOr<Bytes> {
                               auto header = ParseTarHeader(block);
                               if (!header.ok()) return header.status();
                               return SerializeTarHeader(*header);
                             });
}

TEST(TarHeaderTest, FillsUpToWholeBlocks) {
  EXPECT_EQ(TarPadding(0), 0u);
  EXPECT_EQ(TarPadding(1), 511u);
  EXPECT_EQ(TarPadding(512), 0u);
  EXPECT_EQ(TarPadding(kMaxTarFile - 1), 1u);
}

}  // namespace
}  // namespace bestow::server
