#include "agent/config/config.h"

#include <stdlib.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/config/toml_file.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using ::testing::HasSubstr;

constexpr char kGood[] = R"(state_dir = "/var/lib/x"
[server]
url = "https://est.example:8443"
ca_file = "/etc/ca.pem"
[tpm]
tcti = "swtpm:path=/run/x.sock"
[identity]
username = "gw-17"
secret_file = "/etc/secret"
sans = ["dns:gw-17", "ip:192.0.2.1"]
[renewal]
fraction = 0.5
jitter = 0
retry_min = "2s"
retry_max = "10m"
cacerts_interval = "12h"
info_interval = "never"
same_key = true
expired_grace = "48h"
)";

TEST(ConfigTest, ReadsEveryKey) {
  auto config = ParseConfigToml(kGood, "agent.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->state_dir, "/var/lib/x");
  EXPECT_EQ(config->server, (ServerUrl{"est.example", 8443, ""}));
  EXPECT_EQ(config->ca_file, "/etc/ca.pem");
  EXPECT_FALSE(config->ca_sha256.has_value());
  EXPECT_EQ(config->tcti, "swtpm:path=/run/x.sock");
  EXPECT_EQ(config->subject.ToText(), "CN=gw-17");
  EXPECT_EQ(config->sans.size(), 2u);
  EXPECT_EQ(config->schedule.fraction, 0.5);
  EXPECT_EQ(config->schedule.jitter, 0);
  EXPECT_EQ(config->schedule.retry_min, absl::Seconds(2));
  EXPECT_EQ(config->schedule.retry_max, absl::Minutes(10));
  EXPECT_EQ(config->schedule.cacerts_interval, absl::Hours(12));
  EXPECT_EQ(config->schedule.info_interval, absl::InfiniteDuration());
  EXPECT_TRUE(config->schedule.same_key);
  EXPECT_EQ(config->schedule.expired_grace, absl::Hours(48));
}

TEST(ConfigTest, KeyTypesAndTlsVersions) {
  const auto with = [](std::string_view server, std::string_view identity) {
    return ParseConfigToml(
        absl::StrReplaceAll(
            kGood, {{"[tpm]", absl::StrCat(server, "\n[tpm]")},
                    {"[renewal]", absl::StrCat(identity, "\n[renewal]")}}),
        "agent.toml");
  };
  auto config = with("", "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->tls_1_2 && config->tls_1_3);
  EXPECT_EQ(config->key_type, KeyType::kEcP256);
  config = with("tls = \"1.2\"", "key_type = \"rsa-3072\"");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->tls_1_2 && !config->tls_1_3);
  EXPECT_EQ(config->key_type, KeyType::kRsa3072);
  config = with("tls = \"1.3\"", "key_type = \"ec-p384\"");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(!config->tls_1_2 && config->tls_1_3);
  EXPECT_FALSE(with("tls = \"1.1\"", "").ok());
  EXPECT_FALSE(with("", "key_type = \"rsa-1024\"").ok());
  // No TPM has it.
  EXPECT_FALSE(with("", "key_type = \"ed25519\"").ok());
}

TEST(ConfigTest, HasDefaults) {
  auto config = ParseConfigToml(
      "[server]\nurl='https://e'\nca_sha256='" + std::string(64, 'a') +
          "'\n[identity]\nusername='u'\nsecret_file='/s'\nsubject='CN=x,O=y'\n",
      "agent.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->state_dir, "/var/lib/bestow-agent");
  EXPECT_EQ(config->tcti, "device:/dev/tpmrm0");
  EXPECT_EQ(config->server.port, 443);
  EXPECT_EQ(config->ca_sha256, Bytes(32, 0xaa));
  EXPECT_EQ(config->subject.ToText(), "CN=x,O=y");
  EXPECT_EQ(config->schedule.fraction, 0.66);
  EXPECT_EQ(config->schedule.cacerts_interval, absl::Hours(24));
  EXPECT_FALSE(config->schedule.same_key);
  EXPECT_EQ(config->schedule.expired_grace, absl::ZeroDuration());
}

// What is put for what, and what the message then holds.
TEST(ConfigTest, NamesFileLineKeyAndTheNearestKnownKey) {
  const std::vector<std::vector<std::string>> cases = {
      {"url =", "ulr =", "agent.toml:3: server.ulr", "did you mean \"url\""},
      {"[renewal]", "[renewall]", "agent.toml:11: renewall",
       "did you mean \"renewal\""},
      {"tcti =", "tctii =", "agent.toml:6: tpm.tctii", "\"tcti\""},
      {"username", "frobnicate_all", "agent.toml:8: identity.frobnicate_all",
       "unknown key"},
      {"0.5", "\"0.5\"", "agent.toml:12: renewal.fraction", "a number"},
      {"0.5", "1.5", "agent.toml:12: renewal.fraction", "0.95"},
      {"jitter = 0", "jitter = nan", "agent.toml:13: renewal.jitter",
       "between"},
      {"\"2s\"", "\"2 parsecs\"", "agent.toml:14: renewal.retry_min", "5s"},
      {"\"2s\"", "2", "agent.toml:14: renewal.retry_min", "string"},
      {"\"10m\"", "\"1s\"", "agent.toml:15: renewal.retry_max", "retry_min"},
      {"\"12h\"", "\"1s\"", "agent.toml:16: renewal.cacerts_interval", "1m"},
      {"\"never\"", "\"nie\"", "agent.toml:17: renewal.info_interval", "5s"},
      {"true", "1", "agent.toml:18: renewal.same_key", "true or false"},
      {"48h", "-48h", "agent.toml:19: renewal.expired_grace", "negative"},
      {"https:", "http:", "agent.toml:3: server.url", "https://"},
      {":8443", ":84430", "agent.toml:3: server.url", "port"},
      {"\"/etc/secret\"", "7", "agent.toml:9: identity.secret_file", "string"},
      {"secret_file = \"/etc/secret\"\n", "",
       "agent.toml:7: identity.secret_file", "must be given"},
      {"gw-17\"\ns", "a:b\"\ns", "agent.toml:8: identity.username", "colon"},
      {"dns:gw-17", "gw-17", "agent.toml:10: identity.sans", ""},
      {"[\"dns:gw-17\", \"ip:192.0.2.1\"]", "\"dns:x\"",
       "agent.toml:10: identity.sans", "list"},
      {"/var/lib/x", "lib/x", "agent.toml:1: state_dir", "absolute"},
      {"ca_file = \"/etc/ca.pem\"\n", "", "agent.toml:2: server.ca_file",
       "ca_sha256"},
      {"ca_file = \"/etc/ca.pem\"", "ca_sha256 = \"abc\"",
       "agent.toml:4: server.ca_sha256", "64 hex"},
      {"[tpm]\n", "ca_sha256 = \"abc\"\n[tpm]\n",
       "agent.toml:5: server.ca_sha256", "either"},
      {"[tpm]\ntcti = \"swtpm:path=/run/x.sock\"\n", "", "",
       ""},  // a default: no mistake
      {"state_dir = \"/var/lib/x\"", "tpm = 1\nx = [", "agent.toml:", ""},
  };
  for (const auto& c : cases) {
    auto config = ParseConfigToml(absl::StrReplaceAll(kGood, {{c[0], c[1]}}),
                                  "agent.toml");
    if (c[2].empty()) {
      EXPECT_TRUE(config.ok()) << config.status();
      continue;
    }
    ASSERT_FALSE(config.ok()) << c[1];
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(c[2]));
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(c[3]));
  }
}

TEST(ConfigTest, APreSharedKeyHasAnIdentifierAndAFile) {
  const std::string good = kGood;
  EXPECT_TRUE(ParseConfigToml(good, "agent.toml")->psk_file.empty());
  auto config = ParseConfigToml(
      good + "[server_keys]\npsk_id = \"00aBff\"\npsk_file = \"/etc/psk\"\n",
      "agent.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->psk_id, (Bytes{0x00, 0xab, 0xff}));
  EXPECT_EQ(config->psk_file, "/etc/psk");
  for (std::string wrong :
       {"psk_id = \"aa\"", "psk_file = \"/etc/psk\"",
        "psk_id = \"\"\npsk_file = \"/etc/psk\"",
        "psk_id = \"abc\"\npsk_file = \"/etc/psk\"",
        "psk_id = \"gw\"\npsk_file = \"/etc/psk\"", "psk = \"aa\""}) {
    auto status =
        ParseConfigToml(good + "[server_keys]\n" + wrong + "\n", "agent.toml")
            .status();
    EXPECT_THAT(std::string(status.message()), HasSubstr("server_keys"))
        << wrong;
  }
}

TEST(ConfigTest, NamesTheFileThatIsNotThere) {
  auto config = ReadConfigFile("/no/such/agent.toml");
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(std::string(config.status().message()),
              HasSubstr("/no/such/agent.toml"));
}

TEST(ConfigTest, SecretsLoseTheirLineEndAndMayNotBeEmpty) {
  const std::string path = absl::StrCat(getenv("TEST_TMPDIR"), "/secret");
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("pass word\r\n"), 0600).ok());
  auto secret = ReadSecretFile(path);
  ASSERT_TRUE(secret.ok()) << secret.status();
  EXPECT_EQ(secret->text(), "pass word");
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("\n"), 0600).ok());
  EXPECT_FALSE(ReadSecretFile(path).ok());
  EXPECT_THAT(std::string(ReadSecretFile("/no/secret").status().message()),
              HasSubstr("/no/secret"));
}

TEST(NearestWordTest, IsQuietWhenNothingIsNear) {
  EXPECT_EQ(NearestWord("usernam", {"username", "subject"}), "username");
  EXPECT_EQ(NearestWord("zzz", {"username", "subject"}), "");
}

}  // namespace
}  // namespace bestow::agent
