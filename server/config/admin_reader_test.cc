#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/config/config.h"

namespace bestow::server {
namespace {

TEST(AdminReaderTest, ReadsEveryKey) {
  auto config = ParseConfig(
      "[admin]\nsocket = \"/run/bestow/admin.sock\"\ngroup = \"pki\"\n", "c");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->admin.socket, "/run/bestow/admin.sock");
  EXPECT_EQ(config->admin.group, "pki");
  EXPECT_EQ(ParseConfig("", "c")->admin.socket, "admin.sock");
  EXPECT_EQ(ParseConfig("", "c")->admin.group, "");
}

TEST(AdminReaderTest, RefusesWhatIsNoSocketOrGroup) {
  const std::string kCases[] = {
      "socket = \"\"",
      "socket = \"/run/\"",
      "socket = \"..\"",
      "socket = \"a\\n\"",
      "socket = 7",
      "group = \"a\\tb\"",
      "sokcet = \"a\"",
      absl::StrCat("socket = \"", std::string(65, 'a'), "\""),
      absl::StrCat("group = \"", std::string(65, 'a'), "\""),
  };
  for (const std::string& line : kCases) {
    auto config = ParseConfig(absl::StrCat("[admin]\n", line), "c");
    ASSERT_FALSE(config.ok()) << line;
    EXPECT_TRUE(absl::StrContains(config.status().message(), "c:2: "))
        << config.status();
  }
}

}  // namespace
}  // namespace bestow::server
