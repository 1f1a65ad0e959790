#include "agent/status/activity.h"

#include <stdlib.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

const std::string& Folder() {
  static const auto* const folder = new std::string(getenv("TEST_TMPDIR"));
  return *folder;
}

TEST(ActivityTest, RoundTrip) {
  Activity activity{.doing = "retrying",
                    .next_at = absl::FromUnixSeconds(1'800'000'000),
                    .last_error = "said \"no\"\n\x01 C:\\x",
                    .last_error_at = absl::FromUnixSeconds(1'700'000'000)};
  ASSERT_TRUE(WriteActivity(Folder(), activity).ok());
  auto back = ReadActivity(Folder());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, activity);
  activity = {.doing = "waiting"};
  ASSERT_TRUE(WriteActivity(Folder(), activity).ok());
  EXPECT_EQ(*ReadActivity(Folder()), activity);
}

TEST(ActivityTest, AbsentAndDamagedFiles) {
  EXPECT_EQ(ReadActivity(Folder() + "/none").status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(
      WriteFileAtomically(Folder() + "/status.toml", AsBytes("x = ["), 0600)
          .ok());
  EXPECT_EQ(ReadActivity(Folder()).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(QuoteTest, Escapes) {
  EXPECT_EQ(Quote("a\"b\\c\n\x7f"), "\"a\\\"b\\\\c\\u000a\\u007f\"");
  EXPECT_EQ(Quote("ü"), "\"ü\"");
}

}  // namespace
}  // namespace bestow::agent
