#include "common/est_client/est_client.h"

#include <string>

#include "gtest/gtest.h"

namespace bestow {
namespace {

// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 5.6.7.
const absl::Time kDate = absl::FromUnixSeconds(784111777);

TEST(RetryAfterTest, SecondsAndTheThreeDateForms) {
  EXPECT_EQ(ParseRetryAfter("120", kDate), absl::Seconds(120));
  EXPECT_EQ(ParseRetryAfter(" 0 ", kDate), absl::ZeroDuration());
  for (std::string date :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(ParseRetryAfter(date, kDate - absl::Minutes(1)), absl::Minutes(1))
        << date;
    EXPECT_EQ(ParseRetryAfter(date, kDate + absl::Minutes(1)),
              absl::ZeroDuration());
  }
}

TEST(RetryAfterTest, WhatIsNeitherCountsForNothing) {
  for (std::string value : {"", "soon", "-1", "1.5", "1 2", "0x10",
                            "Sun, 32 Nov 1994 08:49:37 GMT"}) {
    EXPECT_EQ(ParseRetryAfter(value, kDate), std::nullopt) << value;
  }
  EXPECT_EQ(ParseRetryAfter("99999999999999999999999", kDate),
            absl::InfiniteDuration());
}

TEST(SanitizeReasonTest, OneLineOfPrintableText) {
  EXPECT_EQ(SanitizeReason("no such user\r\nmore"), "no such user");
  EXPECT_EQ(SanitizeReason("\n\x1b[2J\x07 a\xc3\xbc"), "?[2J? a??");
  EXPECT_EQ(SanitizeReason(""), "");
  EXPECT_EQ(SanitizeReason(std::string(5000, 'x')).size(), 200u);
}

TEST(ReadEstReplyTest, DecodesA200AndKeepsTheReasonOfOthers) {
  auto reply = ReadEstReply({.status = 200, .body = "AQI\r\nD\n"}, kDate);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->body, (Bytes{1, 2, 3}));
  EXPECT_FALSE(ReadEstReply({.status = 200, .body = "<p>"}, kDate).ok());
  reply = ReadEstReply(
      {.status = 503, .headers = {{"retry-after", "7"}}, .body = "busy\n"},
      kDate);
  ASSERT_TRUE(reply.ok());
  EXPECT_TRUE(reply->body.empty());
  EXPECT_EQ(reply->reason, "busy");
  EXPECT_EQ(reply->retry_after, absl::Seconds(7));
}

}  // namespace
}  // namespace bestow
