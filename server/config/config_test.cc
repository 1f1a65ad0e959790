#include "server/config/config.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "common/der/oid.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

void ExpectMistake(std::string_view text, std::string_view message) {
  auto config = ParseConfig(text, "x.toml");
  ASSERT_FALSE(config.ok()) << text;
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(config.status().message(), message))
      << config.status() << "\nlacks\n"
      << message;
}

TEST(ConfigTest, AnEmptyFileIsTheDefaults) {
  auto config = ParseConfig("", "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen, std::vector<std::string>{"127.0.0.1:8443"});
  EXPECT_EQ(config->service.profile.validity, absl::Hours(90 * 24));
  EXPECT_EQ(config->service.line_wrap, est::LineWrap::kAuto);
}

TEST(ConfigTest, TheFileThatInitWritesIsTheDefaults) {
  const std::string text = ConfigFileText({"[::]:0", "127.0.0.1:1"}, {"a.b"});
  auto config = ParseConfig(text, "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const Config defaults;
  EXPECT_EQ(config->listen,
            (std::vector<std::string>{"[::]:0", "127.0.0.1:1"}));
  EXPECT_EQ(config->hostnames, std::vector<std::string>{"a.b"});
  EXPECT_EQ(config->workers, defaults.workers);
  EXPECT_EQ(config->service.realm, defaults.service.realm);
  EXPECT_EQ(config->service.secret_retry_window,
            defaults.service.secret_retry_window);
  EXPECT_EQ(config->service.profile.validity,
            defaults.service.profile.validity);
  EXPECT_EQ(config->service.profile.backdate,
            defaults.service.profile.backdate);
  EXPECT_EQ(config->service.profile.subject, defaults.service.profile.subject);
  EXPECT_EQ(config->service.profile.sans, defaults.service.profile.sans);
  EXPECT_EQ(config->service.profile.key_usage,
            defaults.service.profile.key_usage);
  EXPECT_EQ(config->service.profile.extended_key_usage,
            defaults.service.profile.extended_key_usage);
  EXPECT_EQ(config->service.csr_attrs.all.oids,
            defaults.service.csr_attrs.all.oids);
  EXPECT_EQ(config->service.line_wrap, defaults.service.line_wrap);
  EXPECT_EQ(config->limits.connections, defaults.limits.connections);
  EXPECT_EQ(config->MaxBodyBytes(), defaults.MaxBodyBytes());
  EXPECT_EQ(config->limits.idle_timeout, defaults.limits.idle_timeout);
  EXPECT_EQ(config->limits.drain_timeout, defaults.limits.drain_timeout);
  EXPECT_EQ(config->limits.queued_issuances, defaults.limits.queued_issuances);
}

TEST(ConfigTest, ReadsEachKind) {
  auto config = ParseConfig(R"(
workers = 3
[profile]
validity = "36h"
sans = ["dns:{identity}", "uri:urn:{identity}"]
[csr_attrs]
oids = ["challengePassword"]
[reply]
line_wrap = "never"
)",
                            "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->workers, 3);
  EXPECT_EQ(config->service.profile.validity, absl::Hours(36));
  EXPECT_EQ(config->service.profile.sans.size(), 2u);
  EXPECT_EQ(config->service.csr_attrs.all.oids,
            std::vector<der::Oid>{oids::ChallengePassword()});
  EXPECT_EQ(config->service.line_wrap, est::LineWrap::kNever);
}

TEST(ConfigTest, NamesFileLineAndKeyOfAMistake) {
  ExpectMistake("\n\nworkres = 2\n",
                "x.toml:3: unknown key workres; did you mean workers?");
  ExpectMistake(
      "workers = 2\n[profile]\n\nvalidty = \"1d\"\n",
      "x.toml:4: unknown key profile.validty; did you mean validity?");
  ExpectMistake("[profil]\nvalidity = \"1d\"\n",
                "x.toml:1: unknown key profil; did you mean profile?");
  ExpectMistake("zzzzzzzzz = 1\n", "x.toml:1: unknown key zzzzzzzzz; known");
  ExpectMistake("workers = \"two\"\n", "x.toml:1: workers: must be an integer");
  ExpectMistake("workers = -1\n", "x.toml:1: workers: is -1; must be from 0");
  ExpectMistake("\nlisten = \"a:1\"\n", "x.toml:2: listen: must be a list");
  ExpectMistake("listen = [1]\n", "x.toml:1: listen: must be a list");
  ExpectMistake("listen = []\n", "x.toml:1: listen: needs at least one");
  ExpectMistake("realm = 1\n", "x.toml:1: realm: must be a string");
  ExpectMistake("realm = \"a\\nb\"\n", "x.toml:1: realm: must be printable");
  ExpectMistake("profile = 1\n", "x.toml:1: profile: is a table");
  ExpectMistake("[profile]\nvalidity = 90\n",
                "x.toml:2: profile.validity: must be a duration");
  ExpectMistake("[profile]\nvalidity = \"90 days\"\n",
                "x.toml:2: profile.validity: must be a duration");
  ExpectMistake("[profile]\nvalidity = \"20000d\"\n",
                "x.toml:2: profile.validity: must be from");
  ExpectMistake("[reply]\nline_wrap = \"sometimes\"\n",
                "x.toml:2: reply.line_wrap: must be one of \"auto\"");
}

TEST(ConfigTest, RefusesRightsThatNoDeviceMayHave) {
  ExpectMistake("[profile]\nkey_usage = [\"keyCertSign\"]\n",
                "x.toml:2: profile.key_usage: \"keyCertSign\" is a CA's");
  ExpectMistake("[profile]\nkey_usage = [\"cRLSign\"]\n", "is a CA's");
  ExpectMistake("[profile]\nextended_key_usage = [\"1.3.6.1.5.5.7.3.28\"]\n",
                "x.toml:2: profile.extended_key_usage: ");
  ExpectMistake("[profile]\nextended_key_usage = [\"1.3.6.1.5.5.7.3.27\"]\n",
                "play the EST server");
  ExpectMistake("[profile]\nextended_key_usage = [\"2.5.29.37.0\"]\n",
                "play the EST server");
}

TEST(ConfigTest, RefusesNamesThatItDoesNotKnow) {
  ExpectMistake("[profile]\nkey_usage = [\"digitalsignature\"]\n",
                "is not one of digitalSignature");
  ExpectMistake("[profile]\nkey_usage = []\n", "needs at least one");
  ExpectMistake("[profile]\nextended_key_usage = [\"client\"]\n",
                "is not one of serverAuth");
  ExpectMistake("[csr_attrs]\noids = [\"9.9.9\"]\n",
                "x.toml:2: csr_attrs.oids: ");
}

TEST(ConfigTest, RefusesTemplatesThatMakeNoName) {
  ExpectMistake("[profile]\nsubject = \"{identity}\"\n",
                "x.toml:2: profile.subject: ");
  ExpectMistake("[profile]\nsubject = \"CN={name}\"\n",
                "x.toml:2: profile.subject: \"{name}\" is not known");
  ExpectMistake("[profile]\nsubject = \"\"\n", "x.toml:2: profile.subject: ");
  ExpectMistake("[profile]\nsubject = \"CN=fixed\"\n",
                "must contain {identity}");
  ExpectMistake("[profile]\nsans = [\"{identity}\"]\n",
                "x.toml:2: profile.sans: ");
}

TEST(ConfigTest, NamesTheLineWhereItIsNoToml) {
  ExpectMistake("workers = 1\nlisten = [\n", "x.toml:");
  ExpectMistake("a = 1\na = 2\n", "x.toml:2: ");
  ExpectMistake("\n= 3\n", "x.toml:2: ");
}

TEST(ConfigTest, ReportsEveryMistakeInTheOrderOfTheFile) {
  auto config =
      ParseConfig("workers = \"a\"\n[limits]\nbody_byte = 2\n", "x.toml");
  EXPECT_EQ(config.status().message(),
            "x.toml:1: workers: must be an integer\n"
            "x.toml:3: unknown key limits.body_byte; did you mean body_bytes?");
}

}  // namespace
}  // namespace bestow::server
