#include "agent/config/config.h"

#include <stdlib.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/config/toml_file.h"
#include "common/base/file.h"
#include "common/tpm/tpm.h"
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

// By value: the config may be a temporary.
IdentityConfig Only(const Config& config) {
  EXPECT_EQ(config.identities.size(), 1u);
  return config.identities.at(0);
}

TEST(ConfigTest, ReadsEveryKey) {
  auto config = ParseConfigToml(kGood, "agent.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->state_dir, "/var/lib/x");
  EXPECT_EQ(Only(*config).server, (ServerUrl{"est.example", 8443, ""}));
  EXPECT_EQ(Only(*config).ca_file, "/etc/ca.pem");
  EXPECT_FALSE(Only(*config).ca_sha256.has_value());
  EXPECT_EQ(config->tpm.tcti, "swtpm:path=/run/x.sock");
  EXPECT_EQ(Only(*config).subject.ToText(), "CN=gw-17");
  EXPECT_EQ(Only(*config).sans.size(), 2u);
  EXPECT_EQ(Only(*config).schedule.fraction, 0.5);
  EXPECT_EQ(Only(*config).schedule.jitter, 0);
  EXPECT_EQ(Only(*config).schedule.retry_min, absl::Seconds(2));
  EXPECT_EQ(Only(*config).schedule.retry_max, absl::Minutes(10));
  EXPECT_EQ(Only(*config).schedule.cacerts_interval, absl::Hours(12));
  EXPECT_EQ(Only(*config).schedule.info_interval, absl::InfiniteDuration());
  EXPECT_TRUE(Only(*config).schedule.same_key);
  EXPECT_EQ(Only(*config).schedule.expired_grace, absl::Hours(48));
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
  EXPECT_TRUE(Only(*config).tls_1_2 && Only(*config).tls_1_3);
  EXPECT_EQ(Only(*config).key_type, KeyType::kEcP256);
  config = with("tls = \"1.2\"", "key_type = \"rsa-3072\"");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(Only(*config).tls_1_2 && !Only(*config).tls_1_3);
  EXPECT_EQ(Only(*config).key_type, KeyType::kRsa3072);
  config = with("tls = \"1.3\"", "key_type = \"ec-p384\"");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(!Only(*config).tls_1_2 && Only(*config).tls_1_3);
  EXPECT_FALSE(with("tls = \"1.1\"", "").ok());
  EXPECT_FALSE(with("", "key_type = \"rsa-1024\"").ok());
  // No TPM has it.
  EXPECT_FALSE(with("", "key_type = \"ed25519\"").ok());
}

TEST(ConfigTest, KeysMayHavePasswordsAndPcrs) {
  const auto with = [](std::string_view lines) {
    return ParseConfigToml(
        absl::StrReplaceAll(
            kGood, {{"[renewal]", absl::StrCat(lines, "\n[renewal]")}}),
        "agent.toml");
  };
  auto config = with("");
  ASSERT_TRUE(config.ok()) << config.status();
  auto protection = ReadKeyProtection(Only(*config));
  ASSERT_TRUE(protection.ok()) << protection.status();
  EXPECT_EQ(protection->auth, nullptr);
  EXPECT_TRUE(protection->pcrs.empty());
  const std::string path = std::string(getenv("TEST_TMPDIR")) + "/auth";
  config = with("key_auth_file = \"" + path +
                "\"\nkey_no_da = true\nkey_pcrs = \"sha256:7,0\"");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(ReadKeyProtection(Only(*config)).ok());
  for (size_t size : {1, 32, 33}) {
    ASSERT_TRUE(
        WriteFileAtomically(path, AsBytes(std::string(size, 'x') + "\n"), 0600)
            .ok());
    protection = ReadKeyProtection(Only(*config));
    ASSERT_EQ(protection.ok(), size <= 32) << protection.status();
    if (size > 32) break;
    EXPECT_EQ(protection->auth->text(), std::string(size, 'x'));
    EXPECT_TRUE(protection->no_da);
    EXPECT_EQ(protection->pcrs, (std::vector<int>{0, 7}));
  }
  EXPECT_FALSE(with("key_no_da = true").ok());
  EXPECT_FALSE(with("key_pcrs = \"sha1:7\"").ok());
  EXPECT_FALSE(with("key_pcrs = 7").ok());
}

TEST(ConfigTest, HasDefaults) {
  auto config = ParseConfigToml(
      "[server]\nurl='https://e'\nca_sha256='" + std::string(64, 'a') +
          "'\n[identity]\nusername='u'\nsecret_file='/s'\nsubject='CN=x,O=y'\n",
      "agent.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->state_dir, "/var/lib/bestow-agent");
  EXPECT_EQ(config->tpm.tcti, "device:/dev/tpmrm0");
  EXPECT_EQ(Only(*config).server.port, 443);
  EXPECT_EQ(Only(*config).ca_sha256, Bytes(32, 0xaa));
  EXPECT_EQ(Only(*config).subject.ToText(), "CN=x,O=y");
  EXPECT_EQ(Only(*config).schedule.fraction, 0.66);
  EXPECT_EQ(Only(*config).schedule.cacerts_interval, absl::Hours(24));
  EXPECT_FALSE(Only(*config).schedule.same_key);
  EXPECT_EQ(Only(*config).schedule.expired_grace, absl::ZeroDuration());
}

TEST(ConfigTest, NamesTheStorageRoot) {
  auto with = [](const std::string& line) {
    return ParseConfigToml(
        absl::StrReplaceAll(kGood, {{"[identity]", line + "[identity]"}}),
        "agent.toml");
  };
  EXPECT_EQ(with("")->tpm.parent, kParentOwner);
  EXPECT_EQ(with("parent = \"template\"\n")->tpm.parent, kParentOwner);
  EXPECT_EQ(with("parent = \"0x81000001\"\n")->tpm.parent, 0x81000001u);
  for (const char* wrong : {"\"0x80000001\"", "\"owner\"", "0x81000001"}) {
    auto config = with(absl::StrCat("parent = ", wrong, "\n"));
    EXPECT_THAT(std::string(config.status().message()),
                HasSubstr("agent.toml:7: tpm.parent"));
  }
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

constexpr char kTwo[] = R"(state_dir = "/var/lib/x"
[server]
url = "https://est.example"
ca_file = "/etc/ca.pem"
[renewal]
fraction = 0.5
retry_min = "2s"
retry_max = "1m"
[server_keys]
psk_id = "aa"
psk_file = "/etc/psk"
[identities.web]
username = "gw-17-web"
secret_file = "/etc/web"
key_type = "rsa-2048"
[identities.web.server]
url = "https://est.example/.well-known/est/web"
ca_sha256 = "PIN"
tls = "1.3"
[identities.web.renewal]
fraction = 0.25
[identities.web.server_keys]
psk_id = "bb"
psk_file = "/etc/psk-web"
[identities.gw_17-a]
username = "gw-17"
secret_file = "/etc/gw"
)";

std::string Two() {
  return absl::StrReplaceAll(kTwo, {{"PIN", std::string(64, 'a')}});
}

TEST(ConfigTest, IdentitiesOverrideWhatTheyShareKeyByKey) {
  auto config = ParseConfigToml(Two(), "agent.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->identities.size(), 2u);
  const IdentityConfig& gw = config->identities[0];
  EXPECT_EQ(gw.name, "gw_17-a");
  EXPECT_EQ(gw.username, "gw-17");
  EXPECT_EQ(gw.server.ToText(), "https://est.example:443");
  EXPECT_EQ(gw.ca_file, "/etc/ca.pem");
  EXPECT_TRUE(gw.tls_1_2);
  EXPECT_EQ(gw.key_type, KeyType::kEcP256);
  EXPECT_EQ(gw.schedule.fraction, 0.5);
  EXPECT_EQ(gw.psk_id, Bytes{0xaa});
  const IdentityConfig& web = config->identities[1];
  EXPECT_EQ(web.name, "web");
  EXPECT_EQ(web.server.ToText(), "https://est.example:443 label web");
  // The pin takes the place of the shared CA file.
  EXPECT_EQ(web.ca_file, "");
  EXPECT_EQ(web.ca_sha256, Bytes(32, 0xaa));
  EXPECT_FALSE(web.tls_1_2);
  EXPECT_EQ(web.key_type, KeyType::kRsa2048);
  EXPECT_EQ(web.schedule.fraction, 0.25);
  EXPECT_EQ(web.schedule.retry_min, absl::Seconds(2));
  EXPECT_EQ(web.psk_id, Bytes{0xbb});
  EXPECT_EQ(web.psk_file, "/etc/psk-web");
  // Nothing is shared: each says it all.
  config = ParseConfigToml(
      "[identities.a]\nusername='u'\nsecret_file='/s'\n[identities.a.server]\n"
      "url='https://e'\nca_file='/ca'\n",
      "agent.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(Only(*config).server.ToText(), "https://e:443");
}

// What is put for what, and what the message then holds.
TEST(ConfigTest, NamesTheLineOfAMistakeInAnIdentity) {
  const std::string long_name(33, 'a');
  const std::vector<std::vector<std::string>> cases = {
      {"gw_17-a", std::string(32, 'a'), "", ""},  // the longest name
      {"gw_17-a", long_name, ":25: identities." + long_name, "1 to 32"},
      {"gw_17-a", "Gw", "agent.toml:25: identities.Gw", "a-z"},
      {"gw_17-a", "\"..\"", "agent.toml:25: identities...", "a-z"},
      {"gw_17-a", "\"a/b\"", "agent.toml:25: identities.a/b", "a-z"},
      {"gw_17-a", "\"\"", "agent.toml:25: identities.", "a-z"},
      {"gw_17-a", "_a", "agent.toml:25: identities._a", "begin with"},
      {"[identities.gw_17-a]", "[identity]", "agent.toml:25: identity",
       "beside [identities.NAME]"},
      {"\"gw-17\"", "7", "agent.toml:26: identities.gw_17-a.username",
       "string"},
      {"secret_file = \"/etc/gw\"\n", "",
       "agent.toml:25: identities.gw_17-a.secret_file", "must be given"},
      {"tls =", "tlss =", "agent.toml:19: identities.web.server.tlss",
       "did you mean \"tls\"?"},
      {"key_type", "keytype", "agent.toml:15: identities.web.keytype",
       "did you mean \"key_type\"?"},
      {"web.renewal", "web.renewel", "agent.toml:20: identities.web.renewel",
       "did you mean \"renewal\"?"},
      {"0.25", "2.5", "agent.toml:21: identities.web.renewal.fraction", "0.95"},
      {"fraction = 0.25", "retry_min = \"1h\"",
       "agent.toml:21: identities.web.renewal.retry_min", "retry_max"},
      {"fraction = 0.25", "retry_max = \"1s\"",
       "agent.toml:21: identities.web.renewal.retry_max", "retry_min"},
      // A mistake in what is shared.
      {"0.5", "5", "agent.toml:6: renewal.fraction", "0.95"},
      {"url = \"https://est.example\"\n", "", "agent.toml:2: server.url",
       "must be given"},
      {"ca_sha256 =", "ca_file = \"/etc/ca\"\nca_sha256 =",
       "agent.toml:19: identities.web.server.ca_sha256", "either"},
      {"psk_id = \"bb\"\n", "",
       "agent.toml:23: identities.web.server_keys.psk_file", "both"},
      {"[identities.web.renewal]", "[identities.web]", "agent.toml:20: ", ""},
      {"[identities.gw_17-a]", "[[identities.gw_17-a]]",
       "agent.toml:25: identities.gw_17-a", "must be a section"},
      {"state_dir = \"/var/lib/x\"", "identities = 1", "agent.toml:", ""},
  };
  for (const auto& c : cases) {
    const std::string text = absl::StrReplaceAll(Two(), {{c[0], c[1]}});
    ASSERT_NE(text, Two()) << c[0];
    auto config = ParseConfigToml(text, "agent.toml");
    if (c[2].empty()) {
      EXPECT_TRUE(config.ok()) << config.status();
      continue;
    }
    ASSERT_FALSE(config.ok()) << c[1];
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(c[2]));
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(c[3]));
  }
}

TEST(ConfigTest, IdentitiesAreOneToSixtyFour) {
  const auto with = [](int count) {
    std::string text =
        "[server]\nurl='https://e'\nca_file='/ca'\n[identities]\n";
    for (int i = 0; i < count; ++i) {
      absl::StrAppend(&text, "[identities.i", i,
                      "]\nusername='u'\nsecret_file='/s'\n");
    }
    return ParseConfigToml(text, "agent.toml").status();
  };
  EXPECT_TRUE(with(1).ok());
  EXPECT_TRUE(with(64).ok());
  for (int count : {0, 65}) {
    EXPECT_THAT(std::string(with(count).message()),
                HasSubstr("agent.toml:4: identities: must have 1 to 64"));
  }
}

TEST(ConfigTest, FindsAnIdentityByNameOrTheOnlyOne) {
  const Config one = *ParseConfigToml(kGood, "agent.toml");
  EXPECT_EQ((*FindIdentity(one, ""))->name, "default");
  EXPECT_EQ((*FindIdentity(one, "default"))->name, "default");
  EXPECT_FALSE(FindIdentity(one, "web").ok());
  const Config two = *ParseConfigToml(Two(), "agent.toml");
  EXPECT_EQ((*FindIdentity(two, "web"))->name, "web");
  EXPECT_THAT(std::string(FindIdentity(two, "").status().message()),
              HasSubstr("gw_17-a, web"));
  EXPECT_THAT(std::string(FindIdentity(two, "wbe").status().message()),
              HasSubstr("no identity \"wbe\""));
  const Config with_default = *ParseConfigToml(
      absl::StrReplaceAll(Two(), {{"gw_17-a", "default"}}), "agent.toml");
  EXPECT_EQ((*FindIdentity(with_default, ""))->name, "default");
}

TEST(ConfigTest, APreSharedKeyHasAnIdentifierAndAFile) {
  const std::string good = kGood;
  EXPECT_TRUE(Only(*ParseConfigToml(good, "agent.toml")).psk_file.empty());
  auto config = ParseConfigToml(
      good + "[server_keys]\npsk_id = \"00aBff\"\npsk_file = \"/etc/psk\"\n",
      "agent.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(Only(*config).psk_id, (Bytes{0x00, 0xab, 0xff}));
  EXPECT_EQ(Only(*config).psk_file, "/etc/psk");
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
