#include "server/backup/manifest.h"

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "testdata/matchers.h"

namespace bestow::server {
namespace {

TEST(ManifestTest, EveryCaseComesBackOrIsRefused) {
  testdata::ExpectRoundTrips("backup_manifest",
                             [](ByteView text) -> absl::StatusOr<Bytes> {
                               auto manifest = ParseManifest(AsText(text));
                               if (!manifest.ok()) return manifest.status();
                               auto written = SerializeManifest(*manifest);
                               if (!written.ok()) return written.status();
                               return ToBytes(AsBytes(*written));
                             });
}

TEST(ManifestTest, ANewerVersionIsSaidToBeOne) {
  Manifest manifest;
  manifest.made_at = absl::FromUnixSeconds(1795262400);
  manifest.audit_hash = Bytes(32, 0);
  auto text = SerializeManifest(manifest);
  ASSERT_TRUE(text.ok()) << text.status();
  ASSERT_TRUE(ParseManifest(*text).ok());
  text->replace(text->find("\"version\": 1"), 12, "\"version\": 2");
  EXPECT_TRUE(absl::IsUnimplemented(ParseManifest(*text).status()));
}

TEST(ManifestTest, TakesFourThousandPartsAndNoMore) {
  Manifest manifest;
  manifest.made_at = absl::FromUnixSeconds(1795262400);
  manifest.audit_hash = Bytes(32, 0);
  for (size_t i = 0; i < kMaxParts; ++i) {
    manifest.parts.push_back(
        {"state/" + std::to_string(i), 0600, i, Bytes(32, 7)});
  }
  auto text = SerializeManifest(manifest);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_TRUE(ParseManifest(*text).ok());
  manifest.parts.push_back({"state/one_more", 0600, 0, Bytes(32, 7)});
  EXPECT_TRUE(absl::IsInvalidArgument(SerializeManifest(manifest).status()));
}

}  // namespace
}  // namespace bestow::server
