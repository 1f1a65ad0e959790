#include "common/est/renewal_info.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow::est {
namespace {

// RFC 9773 4.1's example is among them.
TEST(RenewalInfoTest, EveryIdentifierComesBackFromItsParts) {
  testdata::ExpectRoundTrips(
      "renewal_info_id", [](ByteView id) -> absl::StatusOr<Bytes> {
        const absl::StatusOr<RenewalInfoKey> key =
            ParseRenewalInfoId(AsText(id));
        if (!key.ok()) return key.status();
        return ToBytes(
            AsBytes(RenewalInfoId(key->authority_key_id, key->serial)));
      });
}

TEST(RenewalInfoTest, Rfc9773NamesTheKeyAndTheSerialNumber) {
  const auto key = ParseRenewalInfoId("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(
      key->authority_key_id,
      Bytes({0x69, 0x88, 0x5B, 0x6B, 0x87, 0x46, 0x40, 0x41, 0xE1, 0xB3,
             0x7B, 0x84, 0x7B, 0xA0, 0xAE, 0x2C, 0xDE, 0x01, 0xC8, 0xD4}));
  EXPECT_EQ(key->serial, Bytes({0x00, 0x87, 0x65, 0x43, 0x21}));
}

TEST(RenewalInfoTest, EveryJsonCase) {
  for (const testdata::Case& test : testdata::LoadCases("renewal_info")) {
    SCOPED_TRACE(test.name);
    const auto info = ParseRenewalInfoJson(AsText(test.data));
    testdata::ExpectStatus(test, info.status());
    if (!info.ok()) continue;
    EXPECT_EQ(
        absl::StrCat(absl::FormatTime(info->start, absl::UTCTimeZone()), " ",
                     absl::FormatTime(info->end, absl::UTCTimeZone()),
                     info->explanation_url.empty() ? "" : " ",
                     info->explanation_url),
        test.notes.at("read"));
  }
}

TEST(RenewalInfoTest, TheBytesWritten) {
  RenewalInfo info{absl::FromUnixSeconds(1735689600),
                   absl::FromUnixSeconds(1735776000), ""};
  EXPECT_EQ(SerializeRenewalInfoJson(info),
            "{\"suggestedWindow\":{\"start\":\"2025-01-01T00:00:00Z\","
            "\"end\":\"2025-01-02T00:00:00Z\"}}\n");
  info.explanation_url = "https://ca.example/?q=\"\\\n";
  EXPECT_EQ(SerializeRenewalInfoJson(info),
            "{\"suggestedWindow\":{\"start\":\"2025-01-01T00:00:00Z\","
            "\"end\":\"2025-01-02T00:00:00Z\"},\"explanationURL\":"
            "\"https://ca.example/?q=\\\"\\\\\\u000a\"}\n");
}

TEST(RenewalInfoTest, WhatWeWriteReadsTheSame) {
  const RenewalInfo info{absl::FromUnixSeconds(1735689600),
                         absl::FromUnixSeconds(1735776000),
                         "https://ca.example/incident?id=1"};
  const auto read = ParseRenewalInfoJson(SerializeRenewalInfoJson(info));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->start, info.start);
  EXPECT_EQ(read->end, info.end);
  EXPECT_EQ(read->explanation_url, info.explanation_url);
}

}  // namespace
}  // namespace bestow::est
