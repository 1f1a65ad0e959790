#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/config/config.h"

namespace bestow::server {
namespace {

TEST(TlsReaderTest, ReadsEveryKey) {
  auto config = ParseConfig(
      "[tls]\nrenew = false\nvalidity = \"30d\"\nfraction = 0.5\n"
      "new_key = false\n",
      "c");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->tls.renew);
  EXPECT_EQ(config->tls.validity, absl::Hours(24 * 30));
  EXPECT_EQ(config->tls.fraction, 0.5);
  EXPECT_FALSE(config->tls.new_key);
}

TEST(TlsReaderTest, RefusesWhatIsOutOfRange) {
  const struct {
    const char* line;
    const char* why;
  } kCases[] = {
      {"renew = \"yes\"", "true or false"},
      {"validity = \"0s\"", "must be from"},
      {"validity = \"400d\"", "must be from"},
      {"validity = 90", "a duration"},
      {"fraction = 0.05", "must be from 0.1 to 0.95"},
      {"fraction = 0.96", "must be from 0.1 to 0.95"},
      {"fraction = 1", "must be from 0.1 to 0.95"},
      {"fraction = nan", "must be from 0.1 to 0.95"},
      {"fraction = \"0.5\"", "must be a number"},
      {"key = 1", "unknown key tls.key"},
  };
  for (const auto& c : kCases) {
    auto config = ParseConfig(std::string("[tls]\n") + c.line, "c");
    ASSERT_FALSE(config.ok()) << c.line;
    EXPECT_TRUE(absl::StrContains(config.status().message(), "c:2: ") &&
                absl::StrContains(config.status().message(), c.why))
        << config.status();
  }
}

}  // namespace
}  // namespace bestow::server
