#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/config/config.h"

namespace bestow::server {
namespace {

absl::StatusOr<Config> Parse(const std::string& keys) {
  return ParseConfig("[ca_keys]\n" + keys, "x.toml");
}

TEST(CaKeysReaderTest, TheFileThatInitWritesIsTheDefaults) {
  auto config = ParseConfig(ConfigFileText({"[::]:0"}, {"a.b"}), "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const CaKeysConfig defaults;
  EXPECT_EQ(config->ca_keys.passphrase_file, defaults.passphrase_file);
  EXPECT_EQ(config->ca_keys.passphrase_credential,
            defaults.passphrase_credential);
  EXPECT_EQ(config->ca_keys.tpm, defaults.tpm);
}

TEST(CaKeysReaderTest, ReadsEachKey) {
  auto file = Parse(
      "passphrase_file = '/etc/bestow/passphrase'\n"
      "tpm = 'swtpm:path=/run/swtpm.sock'");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->ca_keys.passphrase_file, "/etc/bestow/passphrase");
  EXPECT_EQ(file->ca_keys.tpm, "swtpm:path=/run/swtpm.sock");
  auto credential = Parse("passphrase_credential = 'bestow-ca'");
  ASSERT_TRUE(credential.ok()) << credential.status();
  EXPECT_EQ(credential->ca_keys.passphrase_credential, "bestow-ca");
}

TEST(CaKeysReaderTest, NamesEachMistake) {
  for (const auto& [text, line] :
       {std::pair("passphrase_credential = '../bestow-ca'", "x.toml:2: "),
        std::pair("passphrase_credential = '..'", "x.toml:2: "),
        std::pair("passphrase_credential = 'a b'", "x.toml:2: "),
        std::pair("passphrase_file = 'p'\npassphrase_credential = 'c'",
                  "x.toml:3: "),
        std::pair("tpm = ''", "x.toml:2: "),
        // A secret does not stand in a file that everybody copies.
        std::pair("passphrase = 'secret'", "x.toml:2: ")}) {
    const absl::Status status = Parse(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_TRUE(absl::StrContains(status.message(), line)) << status;
  }
}

}  // namespace
}  // namespace bestow::server
